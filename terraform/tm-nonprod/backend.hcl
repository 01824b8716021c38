bucket       = "tm-nonprod-terraform-state"
key          = "export-platform/terraform.tfstate"
region       = "eu-west-1"
encrypt      = true
use_lockfile = true

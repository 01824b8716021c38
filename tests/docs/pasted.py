"""Which commands of the documents' blocks are run as they are pasted, and why the others are not.

`tests/e2e/test_documents.py` runs them against the platform; the others are looked at only.
"""

_DEMO = "tests/e2e runs what it runs, on a platform that is up already"
_SUITE = "this is a part of it"
_WRITES = "it writes into this repository; the suite compares what it would write"
_LONG = "it takes minutes to hours; a short round of it is in the suite"
_AWS = "it needs an account"
_POSTGRES = "tests/rehearsals starts a server and runs the platform on it with these variables"
_SERVICES = "it needs real services; tests/staging runs it without any"
_PROGRAM = "its program is not one of ours; the rules are read by tests/terraform"

# By the command as it is pasted.
NOT_RUN = {
    "make demo": _DEMO,
    "make up": _DEMO,
    "make down": "it would end the platform of the other tests; tests/export_platform runs it",
    "make check": _SUITE,
    'make test ARGS="-k waitlist"': _SUITE,
    'make test ARGS="tests/features tests/assets/exports tests/export_platform tests/terraform'
    " -k 'withdrawn or catalogue or dictionary or agreement'\"": _SUITE,
    "make lint types": _SUITE,
    'export DAGSTER_PG_HOST="$(hostname --fqdn)" PGHOSTADDR=127.0.0.1'
    " PGSSLROOTCERT=/etc/ssl/certs/ssl-cert-snakeoil.pem": _POSTGRES,
    "export DAGSTER_PG_PORT=5432 DAGSTER_PG_DB=dagster DAGSTER_PG_USERNAME=dagster": _POSTGRES,
    "read -rs DAGSTER_PG_PASSWORD && export DAGSTER_PG_PASSWORD": _POSTGRES,
    "make hooks": "it changes how this repository is committed to",
    "make goldens": _WRITES,
    "make docs": _WRITES,
    "make invariants": _LONG,
    "make formats": _LONG,
    "make determinism": _LONG,
    "make faults-quick": _LONG,
    "make fuzz-quick": _LONG,
    "make rehearsals": _LONG,
    "make canaries": _LONG,
    "make load": _LONG,
    "make soak": _LONG,
    "make test-staging": _SERVICES,
    "make latency": _LONG,
    "make burst": _LONG,
    "make bench-quick": _LONG,
    "make bench": _LONG,
    "make bench-catalogue": _LONG,
    "make bench-athena": _LONG,
    ".venv/bin/export-platform request withdrawn-fans aurora-lights-2026 --wait": (
        "the reader declares that kind while he reads; tests/docs/test_guide.py declares it"
    ),
    "aws ecs list-tasks --cluster tm-prod --service-name webserver": _AWS,
    "aws ssm start-session --target ecs:tm-prod_<task id>_<runtime id>"
    " --document-name AWS-StartPortForwardingSession"
    " --parameters portNumber=3000,localPortNumber=3000": _AWS,
    "aws ecs describe-services --cluster tm-prod --services daemon"
    ' --query "services[0].networkConfiguration" > network.json': _AWS,
    "aws ecs run-task --cluster tm-prod --task-definition tm-prod-run --launch-type FARGATE"
    " --network-configuration file://network.json"
    ' --overrides \'{"containerOverrides": [{"name": "run", "command":'
    ' ["export-platform", "doctor"]}]}\'': _AWS,
    "cd terraform/tm-nonprod": _AWS,
    "terraform init -backend-config=backend.hcl": _AWS,
    "terraform plan -out=plan": _AWS,
    "terraform apply plan": _AWS,
    "promtool check rules monitoring/rules.yaml": _PROGRAM,
    "promtool test rules monitoring/rules.test.yaml": _PROGRAM,
}
# Programs that answer on loopback and change nothing but the folder of the platform.
_RUN = (".venv/bin/export-platform ", "curl ")
# A receiver outside: what is told to it is tested over loopback.
OUTSIDE = "/v1/webhook-endpoints"


def runnable(text: str) -> bool:
    """Whether a command is run as it is pasted."""
    return text.startswith(_RUN) and text not in NOT_RUN and OUTSIDE not in text

Feature: Opt-ins for a promoter
  A promoter gets the fans who agreed to exactly this promoter, and only what its agreement allows.

  Scenario: Northlake gets three fans: good consents, one address once
    Given the campaign "Aurora Lights"
    When partnerships asks for "promoter-email-opt-ins" with
      | promoter | northlake    |
      | deliver  | ["promoter"] |
    And the export is made
    Then 3 rows were delivered to "promoters/northlake/"
    And "email" runs through "quatre@example.com, registered@example.com, Zoe.Muller+tour@example.com"
    And "BO.LI@example.com" is not among "email"
    And there is no column "opted_in_at"

  Scenario: An address that bounced for one account is shared for none
    Given the campaign "Aurora Lights"
    And another account with "QUATRE@example.com", which bounced
    When partnerships asks for "promoter-email-opt-ins" with
      | promoter | northlake |
    And the export is made
    Then the file holds 2 rows
    And "quatre@example.com" is not among "email"
    And the manifest counts 1 row as "address_suppressed"

  Scenario: A promoter whose agreement ran out gets nothing, not an empty file
    Given the campaign "Aurora Lights"
    When partnerships asks for "promoter-email-opt-ins" with
      | promoter | old-mill |
    Then it is refused because of "NO_DATA_SHARING_AGREEMENT"
    And nothing was recorded

  Scenario: A promoter that takes hashes only gets no address
    Given the campaign "Boreal Nights"
    When partnerships asks for "promoter-email-opt-ins" with
      | promoter | fjord-live |
    And the export is made
    Then the file holds 1 row
    And there is a column "email_sha256"
    And there is no column "email"

  Scenario: A suspended promoter and one of another campaign are refused
    Given the campaign "Boreal Nights"
    When partnerships asks for "promoter-email-opt-ins" with
      | promoter | quarry |
    Then it is refused because of "NO_DATA_SHARING_AGREEMENT"
    When partnerships asks for "promoter-email-opt-ins" with
      | promoter | old-mill |
    Then it is refused because of "UNKNOWN_PROMOTER"

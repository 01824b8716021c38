Feature: What is held of one person
  A person asks what the platform knows. The privacy desk opens a case and proves who it is; the
  answer is everything of that person and nothing of anybody else.

  Scenario: An account in two campaigns, and a guest before there was an account
    Given the case "case-2026-0001"
    When privacy asks for "subject-access" with
      | account_id | 0b7d2c1e-5a41-4c0e-9d0e-2f7a1f6f9a10 |
    Then it is accepted and waits
    When the export is made
    Then the file holds 3 rows
    And the manifest proves its files
    And "entry_id" runs through "66510000000000000000e001, 66510000000000000000e104, 66510000000000000000e101"
    And "campaign_key" runs through "aurora-lights-2026, boreal-nights-2025, boreal-nights-2025"
    And the "profile" file holds 1 rows
    And "Zoe.Muller+tour@example.com" is among "email" of the "profile" file
    And "or-004" is among "number" of the "orders" file
    And "fan_since" is among "question_key" of the "answers" file
    And "see-your-place" is among "link_or_carrier" of the "messages" file
    And "fjord-live" is among "promoter" of the "consents" file
    And "started" is among "what" of the "activity" file
    And "When you registered." is among "meaning" of the "guide" file

  Scenario: A guest is found by the address that was proved, of which only the digest is said
    Given the case "case-2026-0002"
    When privacy asks for "subject-access" with
      | email_sha256 | f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79 |
    And the export is made
    Then the file holds 1 row
    And the row with the "email" "mary@example.com" says
      | status     | waitlisted |
      | account_id |            |
      | first_name | Mary Ann   |
    And the "profile" file holds 0 rows
    And the "orders" file holds 0 rows

  Scenario: The digest of an account's address names the account
    Given the case "case-2026-0003"
    When privacy asks for "subject-access" with
      | email_sha256 | 6e3693df7cd9585645c4d9fe52c4efb0ea86285ed6a3d34046c65dce0f1afd88 |
    And the export is made
    Then the file holds 3 rows
    And "0b7d2c1e-5a41-4c0e-9d0e-2f7a1f6f9a10" is among "account_id" of the "profile" file

  Scenario Outline: Accounts that were merged are one person, whichever of them is named
    Given the case "case-2026-0004"
    When privacy asks for "subject-access" with
      | account_id | <account> |
    And the export is made
    Then the file holds 1 row
    And the row with the "email" "merged@example.com" says
      | entry_id   | 66510000000000000000e014             |
      | account_id | 3a7ab904-06f6-4054-8cff-cbf6765ec816 |
    And the "profile" file holds 3 rows

    Examples:
      | account                              |
      | 6683eb87-1163-4859-a3a9-d82e7747ca0c |
      | 3a7ab904-06f6-4054-8cff-cbf6765ec816 |

  Scenario: A code is shown by its first character, and who referred the fan is not
    Given the case "case-2026-0005"
    When privacy asks for "subject-access" with
      | account_id | 0e85f1ae-2851-4a1e-b35a-2117894d7e49 |
    And the export is made
    Then "A***" is among "code_masked" of the "codes" file
    And there is no column "referred_by_entry"
    And there is no column "risk_band"
    And "66510000000000000000e00e" is in none of its files

  Scenario: What the scoring made of the person, where that is asked for
    Given the case "case-2026-0001"
    When privacy asks for "subject-access" with
      | account_id     | 0b7d2c1e-5a41-4c0e-9d0e-2f7a1f6f9a10 |
      | include_scores | true                                 |
    And the export is made
    Then "0.931200" is among "score" of the "scores" file

  Scenario: Of somebody who was erased every row is counted and none is written
    Given the case "case-2026-0006"
    When privacy asks for "subject-access" with
      | account_id | 1a82b650-a89e-4e64-b12e-350a29ffda79 |
    And the export is made
    Then the file is empty because of "all_filtered"
    And every row left out was "erased"
    And the "profile" file holds 0 rows
    And the "guide" file holds 0 rows
    And the manifest proves its files

  Scenario Outline: Of somebody whom nobody knows there is a proved answer without rows
    Given the case "case-2026-0007"
    When privacy asks for "subject-access" with
      | <named_by> | <name> |
    And the export is made
    Then the file is empty because of "no_source_rows"
    And the "profile" file holds 0 rows
    And the "guide" file holds 0 rows
    And the manifest proves its files

    Examples:
      | named_by     | name                                                             |
      | account_id   | 00000000-0000-4000-8000-000000000000                             |
      | email_sha256 | e788ea2014693dcdb86767aceb3860a432fc626c6477a6c53016aff40726842b |
      | email_sha256 | 9c751a92733f952db354dd1cd0ac789d1fc465d9a5023dc7d2a4008e17695804 |

  Scenario: Nobody is named
    Given the case "case-2026-0008"
    When privacy asks for "subject-access"
    Then it is refused because of "NO_SUBJECT"
    And nothing was recorded

  Scenario: Two names may be two persons
    Given the case "case-2026-0008"
    When privacy asks for "subject-access" with
      | account_id   | 0b7d2c1e-5a41-4c0e-9d0e-2f7a1f6f9a10                             |
      | email_sha256 | f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79 |
    Then it is refused because of "OPTIONS_CONFLICT"
    And nothing was recorded

  Scenario Outline: A name that is none
    Given the case "<case>"
    When privacy asks for "subject-access" with
      | <place> | <value> |
    Then it is refused with 400 "invalid-parameters"
    And the refusal names "/params/<wrong>"
    And nothing was recorded

    Examples:
      | case           | place        | value                       | wrong        |
      | case-2026-0009 | account_id   | zoe                         | account_id   |
      | case-2026-0009 | email_sha256 | Zoe.Muller+tour@example.com | email_sha256 |
      | Zoe Müller     | account_id   | 0b7d2c1e-5a41-4c0e-9d0e-2f7a1f6f9a10 | case_id |

  Scenario Outline: Who may ask
    Given the case "case-2026-0010"
    And a caller without the scope "<scope>"
    When privacy asks for "subject-access" with
      | account_id     | 0b7d2c1e-5a41-4c0e-9d0e-2f7a1f6f9a10 |
      | include_scores | true                                 |
    Then it is refused with 403 "insufficient-scope"
    And nothing was recorded

    Examples:
      | scope          |
      | pii:full       |
      | scores:read    |
      | exports:create:* |

  Scenario: A caller of one campaign sees no case
    Given the case "case-2026-0011"
    And a caller of the campaign "Aurora Lights" only
    When privacy asks for "subject-access" with
      | account_id | 0b7d2c1e-5a41-4c0e-9d0e-2f7a1f6f9a10 |
    Then it is refused with 404 "not-found"
    And nothing was recorded

  Scenario: Masked data is no answer to the person it is about
    Given the case "case-2026-0012"
    When privacy asks for "subject-access" with
      | account_id | 0b7d2c1e-5a41-4c0e-9d0e-2f7a1f6f9a10 |
      | pii        | masked                               |
    Then it is refused with 400 "invalid-parameters"
    And the refusal names "/params/pii"

  Scenario: The answer is kept for a week, and its audit for ever
    Given the case "case-2026-0013"
    When privacy asks for "subject-access" with
      | account_id | 0b7d2c1e-5a41-4c0e-9d0e-2f7a1f6f9a10 |
    And the export is made
    Then its files live for 7 days
    When its files outlive their time
    Then its status is "expired"
    And nothing of it is stored

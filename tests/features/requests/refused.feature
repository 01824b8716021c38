Feature: A request that cannot be met is refused at once
  Each refusal says in a code what is wrong, names the place, and leaves nothing behind.

  Scenario Outline: A request that does not fit the form
    Given the campaign "Aurora Lights"
    When marketing asks for "waitlist" with
      | <name> | <value> |
    Then it is refused with 400 "invalid-parameters"
    And the refusal names "/params/<place>"
    And nothing was recorded

    Examples:
      | name           | value   | place      |
      | top_n          | 0       | top_n      |
      | dialect        | lotus   | dialect    |
      | deliver        | ["fax"] | deliver/0  |
      | reason         | ok      | reason     |

  Scenario: Whole values need a reason
    Given the campaign "Aurora Lights"
    When marketing asks for "waitlist" with
      | reason | null |
    Then it is refused with 400 "invalid-parameters"
    And the refusal names "/params/reason"

  Scenario: A kind that asks for more than was said
    Given the campaign "Aurora Lights"
    When marketing asks for "reminder-email"
    Then it is refused with 400 "invalid-parameters"
    And the refusal names "/params"

  Scenario: Whole values are for those who may see them
    Given the campaign "Aurora Lights"
    And a caller without the scope "pii:full"
    When marketing asks for "waitlist"
    Then it is refused with 403 "insufficient-scope"
    And the refusal names "pii:full, email, phone"
    And nothing was recorded

  Scenario: Fewer columns for those who would rather have fewer than none
    Given the campaign "Aurora Lights"
    And a caller without the scope "pii:full"
    And a caller who would rather have fewer columns than none
    When marketing asks for "waitlist"
    Then it is accepted and waits
    And the columns withheld are "email, first_name, last_name, phone"
    When the export is made
    Then the file holds 33 rows
    And there is no column "email"

  Scenario: Nobody learns which campaigns others have
    Given a caller of the campaign "Comet Club" only
    And the campaign "Aurora Lights"
    When marketing asks for "waitlist"
    Then it is refused with 404 "not-found"
    And the refusal names "/params/campaign_id"

  Scenario Outline: What the campaign cannot have
    Given the campaign "<campaign>"
    When marketing asks for "<kind>" with
      | <name> | <value> |
    Then it is refused because of "<business_code>"
    And nothing was recorded

    Examples:
      | campaign      | kind                   | name          | value       | business_code             |
      | Aurora Lights | promoter-email-opt-ins | promoter      | old-mill    | NO_DATA_SHARING_AGREEMENT |
      | Aurora Lights | waitlist               | markets       | ["leeds"]   | UNKNOWN_MARKET            |
      | Boreal Nights | waitlist               | deliver       | ["sfmc"]    | SFMC_DE_NOT_MAPPED        |
      | Comet Club    | codes                  | all_seq       | true        | CAMPAIGN_NOT_ALLOCATED    |
      | Comet Club    | non-purchasers         | boosted_only  | true        | SALE_NOT_SCHEDULED        |
      | Aurora Lights | entries                | columns       | ["q_nobody"] | UNKNOWN_COLUMN           |

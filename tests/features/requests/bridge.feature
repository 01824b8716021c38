Feature: What can be asked for, and whether anybody listens
  Tools learn from the bridge itself what there is.

  Scenario: The catalogue and one kind of it
    When somebody looks at "/v1/export-types"
    Then the answer lists the whole catalogue
    When somebody looks at "/v1/export-types/waitlist"
    Then the answer is
      | id             | waitlist.1 |
      | scope          | campaigns  |
      | retention_days | 30         |

  Scenario: A kind that there is not
    When somebody looks at "/v1/export-types/horoscope"
    Then it is refused with 404 "unknown-type"
    And the refusal names "/path/type_id"

  Scenario: The bridge is alive and ready
    When somebody looks at "/healthz"
    Then the answer is
      | status | ok |
    When somebody looks at "/readyz"
    Then the answer is
      | status | ready |

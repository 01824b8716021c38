Feature: What became of the messages
  CRM sees which fans a message reached, and what they did with it.

  Background:
    Given the campaign "Aurora Lights"

  Scenario: One row a fan and kind of message
    When crm asks for "email-engagement"
    And the export is made
    Then the file holds 9 rows
    And the row with the "entry_id" "66510000000000000000e001" says
      | message_kind       | waitlist             |
      | delivered_at_utc   | 2026-03-12T22:00:05Z |
      | first_open_at_utc  | 2026-03-12T22:00:06Z |
      | opens              | 2                    |
      | machine_open       | Y                    |
      | clicks             | 1                    |
      | first_click_at_utc | 2026-03-12T22:31:00Z |

  Scenario: A message that was sent again is one message
    When crm asks for "email-engagement" with
      | message_kinds | ["promotion"] |
    And the export is made
    Then the file holds 1 row
    And the row with the "entry_id" "66510000000000000000e006" says
      | sent_at_utc  | 2026-03-15T09:40:00Z |
      | opens        | 1                    |
      | machine_open | N                    |
    And the rows left out are
      | message_kinds | 8 |

  Scenario: Late events are on their way, and the manifest says since when
    When crm asks for "email-engagement"
    And the export is made
    Then the manifest states
      | completeness_until_utc | 2026-03-13T00:00:00.000Z |

  Scenario: Sums by kind of message name nobody
    When crm asks for "email-engagement" with
      | level | message |
    And the export is made
    Then "message_kind" runs through "code, promotion, waitlist"
    And "fans" runs through "3, 1, 5"
    And "delivered" runs through "0, 1, 4"
    And "opened" runs through "0, 1, 1"
    And "texts_stopped" runs through "1, 0, 0"
    And there is no column "entry_id"

  Scenario: Sums by the domain of the address
    When crm asks for "email-engagement" with
      | level         | domain       |
      | message_kinds | ["waitlist"] |
    And the export is made
    Then "email_domain" runs through "example.com, example.org"
    And "fans" runs through "4, 1"
    And "hard_bounced" runs through "0, 1"

  Scenario: What happened on one day
    When crm asks for "email-engagement" with
      | from | 2026-03-13 |
      | to   | 2026-03-13 |
    And the export is made
    # The second text, and a complaint about a mail of the day before.
    Then "message_kind" runs through "code, waitlist"
    And "complained" runs through "N, Y"

Feature: The entries
  Everything that is known about the registrations of a campaign.

  Scenario: A campaign manager gets every live entry in the order of registration
    Given the campaign "Aurora Lights"
    When management asks for "entries"
    And the export is made
    Then the file holds 49 rows
    And the row with the "email" "Zoe.Muller+tour@example.com" says
      | status            | waitlisted          |
      | registered_at     | 2026-03-03 10:00:09 |
      | registered_at_utc | 2026-03-03T15:00:09Z |
      | pref_1_market     | New York, NY        |
      | boost_points      | 40                  |
      | postal_code       | 01201               |
    And the row with the "email" "denied@example.com" says
      | pref_1_market | Los Angeles (cancelled) |

  Scenario: Erased fans, staff and press are in no file, and each is counted
    Given the campaign "Aurora Lights"
    When management asks for "entries" with
      | include_withdrawn  | true |
      | include_duplicates | true |
    And the export is made
    Then the rows left out are
      | deleted       | 1 |
      | erased        | 3 |
      | exclude_flags | 3 |
      | not_current   | 1 |

  Scenario: Whoever says nothing about personal data gets masks
    Given the campaign "Aurora Lights"
    When management asks for "entries" with
      | pii | masked |
    And the export is made
    Then "z***@example.com" is among "email"
    And "Zoe.Muller+tour@example.com" is not among "email"

  Scenario: A campaign nobody registered for gives a header and says why
    Given the campaign "Comet Club"
    When management asks for "entries"
    And the export is made
    Then the file is empty because of "no_source_rows"

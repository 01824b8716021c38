Feature: Clusters of duplicates
  Entries that look like one fan's, or one bot's, and by what.

  Background:
    Given the campaign "Aurora Lights"

  Scenario: Fans who share a mailbox, a telephone, a device, a network, or name and address
    When fraud asks for "duplicate-clusters" with
      | plus_domains | ["example.com"] |
    And the export is made
    Then the file holds 10 rows
    And "signals" runs through "email_alias, email_alias, ip24, ip24, phone, phone, email_alias|name_postal, email_alias|name_postal, device, device"
    And "kept" runs through "Y, N, Y, N, Y, N, N, Y, N, Y"
    And the row with the "entry_id" "66510000000000000000e00a" says
      | cluster_id   | 66510000000000000000e001 |
      | cluster_size | 2                        |
      | duplicate_of | 66510000000000000000e001 |
    And the row with the "entry_id" "66510000000000000000e002" says
      | band | B |

  Scenario: One signal only
    When fraud asks for "duplicate-clusters" with
      | signals | ["device"] |
    And the export is made
    Then "entry_id" runs through "66510000000000000000e00c, 66510000000000000000e010"

  Scenario: A plus is a letter where nobody says that it is not
    When fraud asks for "duplicate-clusters" with
      | signals | ["email_alias"] |
    And the export is made
    Then "entry_id" runs through "66510000000000000000e00b, 66510000000000000000e00f"

  Scenario: No cluster is larger than two
    When fraud asks for "duplicate-clusters" with
      | min_size | 3 |
    And the export is made
    Then the file holds 0 rows

  Scenario: Why somebody is suspected is for those who may see scores
    Given a caller without the scope "scores:read"
    When marketing asks for "duplicate-clusters"
    And the export is made
    Then there is no column "signals"
    And there is no column "score"

Feature: An audience for advertising
  Hashed, of those who agreed, for a platform to match.

  Background:
    Given the campaign "Aurora Lights"

  Scenario: Four fans agreed and may be found by a platform
    When advertising asks for "ad-audience"
    And the export is made
    Then the file holds 4 rows
    And "4d0605e2fd5fcc5ff4e408c2237971b72a2ed0acc28230af79c64e076a7bd8d0" is among "Email"
    And "Zoe.Muller+tour@example.com" is not among "Email"

  Scenario: Of the invited, those who agreed
    When advertising asks for "ad-audience" with
      | segment | invited |
    And the export is made
    Then the file holds 2 rows

  Scenario: An audience with addresses in the clear
    When advertising asks for "ad-audience" with
      | pii | masked |
    Then it is refused with 400 "invalid-parameters"
    And the refusal names "/params/pii"

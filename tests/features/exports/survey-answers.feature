Feature: The answers to the survey
  The artist's team learns who the fans are.

  Background:
    Given the campaign "Aurora Lights"

  Scenario: One row an answer, with the label the fan saw
    When artist asks for "survey-answers"
    And the export is made
    Then the file holds 9 rows
    And the row with the "answer_value" "sat" says
      | question_key | days     |
      | answer_label | Saturday |
    And the row with the "answer_value" "borealis" says
      | answer_label |  |

  Scenario: The labels in French
    When artist asks for "survey-answers" with
      | locale | fr-CA |
    And the export is made
    Then the row with the "answer_value" "sat" says
      | answer_label | samedi |

  Scenario: Free text is for those who may read it
    Given a caller without the scope "answers:sensitive"
    When artist asks for "survey-answers" with
      | include_free_text | true |
    Then it is refused with 403 "insufficient-scope"
    And the refusal names "answers:sensitive"

  Scenario: A question that the form does not have
    When artist asks for "survey-answers" with
      | question_keys | ["shoe_size"] |
    Then it is refused because of "UNKNOWN_QUESTION"

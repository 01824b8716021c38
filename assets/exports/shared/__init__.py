"""What several exports of the catalogue share; an export itself never stands here."""

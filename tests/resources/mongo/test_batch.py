"""Documents that lie in one piece are read as if each lay apart."""

import pytest

from resources.mongo.batch import Batch

DOCUMENTS = [b"one", b"", b"three"]


def test_a_batch_is_the_sequence_of_its_documents() -> None:
    """Whoever wants bytes gets bytes, of one document and of no other."""
    batch = Batch.of(DOCUMENTS)

    assert list(batch) == DOCUMENTS
    assert [batch[place] for place in (0, 2, -1, -3)] == [b"one", b"three", b"three", b"one"]
    assert all(type(one) is bytes for one in batch)
    assert len(batch) == 3
    assert not Batch.of([])


def test_a_part_of_a_batch_holds_its_documents() -> None:
    """A part is a batch too."""
    batch = Batch.of(DOCUMENTS)

    assert list(batch[1:]) == DOCUMENTS[1:]
    assert list(batch[::-1]) == DOCUMENTS[::-1]
    assert list(batch[5:]) == []


@pytest.mark.parametrize("place", [3, -4])
def test_there_is_no_document_behind_the_last(place: int) -> None:
    """Nothing of what lies beside the documents is taken for one."""
    with pytest.raises(IndexError):
        Batch.of(DOCUMENTS)[place]

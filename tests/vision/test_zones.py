import pytest

from edgetl.errors import UsageError
from edgetl.vision.zones import Line, Zone


@pytest.mark.parametrize(
    "text",
    ["door", "door=", "=0,0,1,0,1,1", "door=0,0,1,0,1", "door=0,0,1,x,1,1", "door=0,0,1,1", "door=0,0,1,1,0.5,0.5"],
)
def test_a_text_that_is_no_zone_is_refused(text):
    with pytest.raises(UsageError) as caught:
        Zone.parse(text)
    assert "--zone NAME=x,y,x,y,x,y" in str(caught.value)


@pytest.mark.parametrize("text", ["belt", "belt=0,0,1", "belt=0,0,1,1,0,1", "belt=0.5,0.5,0.5,0.5"])
def test_a_text_that_is_no_line_is_refused(text):
    with pytest.raises(UsageError) as caught:
        Line.parse(text)
    assert "--count NAME=x1,y1,x2,y2" in str(caught.value)


def test_pixels_in_place_of_shares_are_refused():
    with pytest.raises(UsageError, match="320 is not a share") as caught:
        Line.parse("belt=320,0,320,480")
    assert "divide pixels" in str(caught.value)

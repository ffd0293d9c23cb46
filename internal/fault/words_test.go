package fault

import (
	"testing"
	"testing/fstest"
)

func TestCoded(t *testing.T) {
	make := Coded("radar", fstest.MapFS{"text.en.json": {Data: []byte(`{"problem.radar.ring": "{0} is not {1}", "problem.radar.ring.hint": "try {1}"}`)}})
	got := make("f.csv", 3, "ring", "hold", "{0}")
	if want := "f.csv:3: hold is not {0}; try {0}"; got.String() != want || got.Code != "radar.ring" {
		t.Errorf("got %q (%s), want %q", got, got.Code, want)
	}
}

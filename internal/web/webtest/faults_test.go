package webtest

import (
	"strings"
	"testing"
)

// TestFaults: a sound page has none, and each wrong one has the one it shows.
func TestFaults(t *testing.T) {
	const sound = `<main><h1>A</h1><section aria-labelledby="b"><h2 id="b">B</h2><a href="/x">x</a></section></main>`
	if got := Faults(sound); len(got) > 0 {
		t.Errorf("a sound page has %v", got)
	}
	for wrong, want := range map[string]string{
		`<p>[operations.map]</p>`:              "a text is missing: [operations.map]",
		`<p>{0} people</p>`:                    `"{0}" stands`,
		`<a href="#ZgotmplZ">x</a>`:            "ZgotmplZ",
		`<p id="b"></p>`:                       `the id "b" stands 2 times`,
		`<p aria-describedby="gone"></p>`:      `"gone", which is not there`,
		`<h4>deep</h4>`:                        "level 4 follows one of level 2",
		`<h1>two</h1>`:                         "2 first headings",
		`<h2></h2>`:                            "an empty h2",
		`<a href="/y"></a>`:                    "has no name",
		`<a href="/y">y<button>z</button></a>`: "lies in another",
		`<a href="">y</a>`:                     `leads to ""`,
		`<img src="/p.png">`:                   "picture without words",
		`<p onclick="x()">y</p>`:               "a script in onclick",
		`<p style="color:red">y</p>`:           "has the style",
		`<script>alert(1)</script>`:            "a script in the page",
	} {
		got := strings.Join(Faults(strings.Replace(sound, "</section>", wrong+"</section>", 1)), "\n")
		if !strings.Contains(got, want) {
			t.Errorf("%s\ngot  %s\nwant %s", wrong, got, want)
		}
	}
}

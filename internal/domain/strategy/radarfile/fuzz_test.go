package radarfile

import (
	"bytes"
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// check reads a file and holds the reader to its promises: every blip is whole
// and has a line of the file, every problem names the file, and what is read
// can be written and read again the same.
func check(t *testing.T, data []byte) {
	editions, problems := Read("f", data, Options{})
	lines := bytes.Count(data, []byte("\n")) + 1
	for _, p := range problems {
		if p.File != "f" || p.Line > lines || p.Msg == "" || p.Hint == "" {
			t.Fatalf("problem %+v in %d lines", p, lines)
		}
	}
	for _, e := range editions {
		if e.Name == "" {
			t.Fatal("an edition without a name")
		}
		for _, b := range e.Blips {
			if b.Name == "" || b.Ring == "" || b.Segment == "" || b.Line < 1 || b.Line > lines {
				t.Fatalf("blip %+v in %d lines", b, lines)
			}
		}
		roundTrip(t, e)
	}
	Moves(editions, nil)
}

func roundTrip(t *testing.T, e Edition) {
	if e.Format == Backstage || len(e.Blips) == 0 {
		return
	}
	var b bytes.Buffer
	if err := Write(&b, e.Format, e); err != nil {
		if e.Format == Zalando && (len(e.Segments) > 4 || len(e.Rings) > 4) {
			return
		}
		t.Fatal(err)
	}
	back, problems := Read("f", b.Bytes(), Options{})
	if len(problems) > 0 || len(back) != 1 {
		t.Fatalf("wrote\n%s\nread %d editions, problems %v", b.String(), len(back), problems)
	}
	if diff := cmp.Diff(e.Blips, back[0].Blips, anywhere); diff != "" {
		t.Fatalf("wrote\n%s\n(-want +got):\n%s", b.String(), diff)
	}
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte(marked))
	f.Add([]byte("name;ring;quadrant\na;b;c\n"))
	f.Add([]byte("name,ring,quadrant,isNew,status,description,relatedBlips\na,b,c,TRUE,new,\"x\n\ny\",d;e\n"))
	f.Fuzz(check)
}

func FuzzBYORJSON(f *testing.F) {
	f.Add([]byte(`[{"name":"Go","ring":"Adopt","quadrant":"Q","isNew":"TRUE","description":"x"}]`))
	f.Fuzz(check)
}

func FuzzZalando(f *testing.F) {
	f.Add([]byte(`{"date":"2026.05","rings":[{"name":"a"}],"entries":[{"label":"Go","quadrant":0,"ring":0,"moved":1}]}`))
	f.Fuzz(check)
}

func FuzzBackstage(f *testing.F) {
	f.Add([]byte(backstage))
	f.Fuzz(check)
}

func FuzzAOE(f *testing.F) {
	f.Add("---\ntitle: Go\nring: trial\nquadrant: l\ntags: [a]\n---\n\nText\n", "---\nring: adopt\nfeatured: false\n---\n")
	f.Fuzz(func(t *testing.T, first, second string) {
		fsys := fstest.MapFS{"2024-01-15/go.md": {Data: []byte(first)}, "2024-06-01/go.md": {Data: []byte(second)}}
		editions, _ := ReadPath(fsys, ".", Options{})
		for i, e := range editions {
			if want := []string{"2024-01-15", "2024-06-01"}[i]; e.Date.Format(time.DateOnly) != want {
				t.Fatalf("edition %d of %s", i, fmt.Sprint(e.Date))
			}
		}
		files := fstest.MapFS{}
		put := func(name string, data []byte) error { files[name] = &fstest.MapFile{Data: data}; return nil }
		if err := WriteAOE(editions, put); err != nil {
			t.Fatal(err)
		}
		back, problems := ReadPath(files, ".", Options{})
		if len(files) > 1 && (len(problems) > 0 || len(back) == 0) {
			t.Fatalf("problems %v in %v", problems, files)
		}
	})
}

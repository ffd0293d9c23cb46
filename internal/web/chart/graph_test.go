package chart

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func columns(g Graph) [][]string { return g.layout().columns }

func TestGraphColumns(t *testing.T) {
	g := Graph{Centre: "me", Depth: 2,
		Nodes: []Node{{ID: "me"}, {ID: "caller"}, {ID: "far"}, {ID: "db"}, {ID: "host"}, {ID: "rack"}, {ID: "alone"}},
		Edges: []Edge{{From: "caller", To: "me"}, {From: "caller", To: "far"}, {From: "me", To: "db"}, {From: "db", To: "host"}, {From: "host", To: "rack"}, {From: "me", To: "ghost"}}}
	want := [][]string{{"far"}, {"caller"}, {"me"}, {"db"}, {"host"}}
	if diff := cmp.Diff(want, columns(g)); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
}

func TestGraphIsTheSameInAnyOrder(t *testing.T) {
	g := samples["graph"].(Graph)
	want := g.HTML()
	for i, j := 0, len(g.Nodes)-1; i < j; i, j = i+1, j-1 {
		g.Nodes[i], g.Nodes[j] = g.Nodes[j], g.Nodes[i]
	}
	for i, j := 0, len(g.Edges)-1; i < j; i, j = i+1, j-1 {
		g.Edges[i], g.Edges[j] = g.Edges[j], g.Edges[i]
	}
	if g.HTML() != want {
		t.Error("the order of nodes and edges changes the drawing")
	}
}

func TestGraphUndoesCrossings(t *testing.T) {
	g := Graph{Centre: "me",
		Nodes: []Node{{ID: "me"}, {ID: "a"}, {ID: "b"}, {ID: "x-of-b"}, {ID: "y-of-a"}},
		Edges: []Edge{{From: "me", To: "a"}, {From: "me", To: "b"}, {From: "b", To: "x-of-b"}, {From: "a", To: "y-of-a"}}}
	want := [][]string{{"me"}, {"a", "b"}, {"y-of-a", "x-of-b"}}
	if diff := cmp.Diff(want, columns(g)); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
}

func star(n int) Graph {
	g := Graph{Name: "Star", Centre: "me", Nodes: []Node{{ID: "me"}}, More: "/all", Words: words}
	for i := range n {
		id := fmt.Sprintf("n%02d", i)
		g.Nodes = append(g.Nodes, Node{ID: id, Name: id})
		g.Edges = append(g.Edges, Edge{From: "me", To: id})
	}
	return g
}

func TestGraphCountsWhatFindsNoRoom(t *testing.T) {
	got := string(star(30).HTML())
	if n := strings.Count(got, `class="nn"`); n != 14 {
		t.Errorf("%d boxes drawn, want the centre, 12 and the rest", n)
	}
	for _, want := range []string{"<title>18 more</title>", `href="/all"`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
}

func TestGraphHasAtMostSixtyNodes(t *testing.T) {
	g := star(200)
	g.Tall, g.Limit = 500, 999
	if n := strings.Count(string(g.HTML()), `class="nn"`); n != 61 {
		t.Errorf("%d boxes drawn, want 60 and the rest", n)
	}
}

func TestDepsWraps(t *testing.T) {
	d := Deps{Name: "D", Me: Node{Name: "me"}, Limit: 4, InMore: "/in", Words: words}
	for i := range 16 {
		d.In = append(d.In, Link{Node: Node{Name: fmt.Sprintf("caller %d", i)}})
	}
	got := string(d.HTML())
	for _, want := range []string{"caller 2", "13 more", `href="/in"`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if strings.Contains(got, "caller 3<") {
		t.Error("the fourth caller is drawn beside the counted rest")
	}
	d.In = d.In[:4]
	if got := string(d.HTML()); strings.Contains(got, "more") {
		t.Errorf("four of four are wrapped:\n%s", got)
	}
}

func TestForest(t *testing.T) {
	named := func(id, parent string) Item { return Item{ID: id, Parent: parent, Branch: Branch{Name: id}} }
	got := Forest([]Item{
		named("b", "a"), named("a", ""), named("c", "a"), named("deep", "b"), named("orphan", "gone"),
		named("y", "x"), named("x", "y"), named("tail", "y"), named("self", "self"), named("a", "c"),
	})
	want := []Branch{
		{Name: "a", Children: []Branch{{Name: "b", Children: []Branch{{Name: "deep"}}}, {Name: "c"}}},
		{Name: "orphan"},
		{Name: "self"},
		{Name: "x", Children: []Branch{{Name: "y", Children: []Branch{{Name: "tail"}}}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("forest (-want +got):\n%s", diff)
	}
}

func FuzzForest(f *testing.F) {
	f.Add("ab ba cd")
	f.Fuzz(func(t *testing.T, s string) {
		var items []Item
		ids := make(map[string]bool)
		for pair := range strings.FieldsSeq(s) {
			if len(items) == 64 {
				break
			}
			id, parent := pair[:1], pair[len(pair)-1:]
			items = append(items, Item{ID: id, Parent: parent, Branch: Branch{Name: id}})
			ids[id] = true
		}
		if got := size(Forest(items)); got != len(ids) {
			t.Errorf("%d of %d groups are in the forest", got, len(ids))
		}
	})
}

func size(branches []Branch) int {
	total := 0
	for _, b := range branches {
		total += 1 + size(b.Children)
	}
	return total
}

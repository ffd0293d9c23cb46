package catalog

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

func setOf(ids ...int64) (s idSet) {
	for _, id := range ids {
		s.add(id)
	}
	return s
}

func TestIDSetFrom(t *testing.T) {
	s := setOf(0, 1, 63, 64, 127, 128, 1000, 1001)
	f := func(after int64, n int, desc bool, want ...int64) {
		t.Helper()
		if got := s.from(after, n, desc); !slices.Equal(got, want) {
			t.Errorf("%d after %d, desc %t: got %v, want %v", n, after, desc, got, want)
		}
	}
	f(-1, 3, false, 0, 1, 63)
	f(63, 2, false, 64, 127)
	f(128, 9, false, 1000, 1001)
	f(1001, 9, false)
	f(1<<40, 9, false)
	f(1<<40, 2, true, 1001, 1000)
	f(1000, 3, true, 128, 127, 64)
	f(1, 9, true, 0)
	f(0, 9, true)
	if got := (idSet)(nil).from(-1, 5, false); got != nil {
		t.Errorf("of nothing: got %v", got)
	}
}

func TestIDSetJoins(t *testing.T) {
	small, large := setOf(1, 2, 70), setOf(2, 70, 5000)
	f := func(got idSet, want ...int64) {
		t.Helper()
		if !slices.Equal(got.from(-1, 100, false), want) || got.count() != len(want) {
			t.Errorf("got %v (%d), want %v", got.from(-1, 100, false), got.count(), want)
		}
	}
	and := func(a, b idSet) idSet { a = slices.Clone(a); a.and(b); return a }
	without := func(a, b idSet) idSet { a = slices.Clone(a); a.without(b); return a }
	f(and(small, large), 2, 70)
	f(and(large, small), 2, 70)
	f(and(large, nil))
	f(without(small, large), 1)
	f(without(large, small), 5000)
	f(without(large, nil), 2, 70, 5000)
}

// What eachID reads is what appendIDs wrote, and no bytes make it fail badly.
func FuzzEachID(f *testing.F) {
	f.Add([]byte{}, int64(0))
	f.Add(appendIDs(nil, 0, []int64{0, 1, 127, 128, 300, 1 << 32}), int64(0))
	f.Add(appendIDs(nil, 1000, []int64{1000, 1001}), int64(1000))
	f.Add([]byte{0x80}, int64(0))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, int64(0))
	f.Fuzz(func(t *testing.T, data []byte, base int64) {
		base = max(base, 0)
		var ids []int64
		err := eachID(data, base, func(id int64) {
			if len(ids) > 0 && id < ids[len(ids)-1] || id < base {
				t.Fatalf("%d after %v", id, ids)
			}
			ids = append(ids, id)
		})
		if err != nil {
			return
		}
		var again []int64
		if err := eachID(appendIDs(nil, base, ids), base, func(id int64) { again = append(again, id) }); err != nil || !slices.Equal(ids, again) {
			t.Fatalf("%x: %v, then %v, %v", data, ids, again, err)
		}
	})
}

// However ids join and leave, the rows hold them all, each in the row it falls
// into, and none is too long.
func TestPostingRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const most = 5
	for range 200 {
		rows, want := map[int64][]int64{}, map[int64]bool{}
		next := int64(0)
		for round := range 60 {
			change := touched{}
			for range 1 + rng.IntN(12) {
				id := rng.Int64N(200)
				if all := slices.Sorted(maps.Keys(want)); round%20 > 10 && len(all) > 0 { // times when most leave
					id = all[rng.IntN(len(all))]
				}
				if rng.IntN(2) == 0 {
					next++ // ids most often grow
					id = 200 + next
				}
				switch {
				case slices.Contains(change.in, id) || slices.Contains(change.out, id):
				case want[id] && rng.IntN(4) > 0:
					change.out = append(change.out, id)
					delete(want, id)
				default:
					change.in = append(change.in, id)
					want[id] = true
				}
			}
			slices.Sort(change.in)
			slices.Sort(change.out)
			for _, row := range change.apply(covering(rows, change.lo(), change.hi()), most) {
				delete(rows, row.first)
				if !row.gone {
					rows[row.first] = row.ids
				}
			}
			check(t, rows, want, most)
		}
	}
}

// covering returns the rows that repost.read would.
func covering(rows map[int64][]int64, lo, hi int64) []postingRow {
	var out []postingRow
	from := int64(0)
	for _, first := range slices.Sorted(maps.Keys(rows)) {
		if first <= lo {
			from = first
		}
	}
	for _, first := range slices.Sorted(maps.Keys(rows)) {
		if first >= from && first <= hi {
			out = append(out, postingRow{first: first, ids: slices.Clone(rows[first])})
		}
	}
	return out
}

func check(t *testing.T, rows map[int64][]int64, want map[int64]bool, most int) {
	t.Helper()
	var got []int64
	firsts := slices.Sorted(maps.Keys(rows))
	for i, first := range firsts {
		ids := rows[first]
		if len(ids) == 0 || len(ids) > most || ids[0] < first || i+1 < len(firsts) && ids[len(ids)-1] >= firsts[i+1] {
			t.Fatalf("row %d holds %v; the next begins at %v", first, ids, firsts[i+1:])
		}
		if !bytes.Equal(appendIDs(nil, first, ids), appendIDs(nil, first, slices.Compact(slices.Sorted(slices.Values(ids))))) {
			t.Fatalf("row %d is not in order: %v", first, ids)
		}
		got = append(got, ids...)
	}
	if all := slices.Sorted(maps.Keys(want)); !slices.Equal(got, all) {
		t.Fatalf("got %v, want %v", got, all)
	}
}

func TestCountIDs(t *testing.T) {
	ids := []int64{7, 64, 65, 300, 20_000, 5_000_000}
	data := appendIDs(nil, 0, ids)
	f := func(among idSet, want int) {
		t.Helper()
		if got, err := countIDs(data, 0, among); err != nil || got != want {
			t.Errorf("got %d, %v; want %d", got, err, want)
		}
	}
	f(nil, 6)
	f(idSet{}, 0)
	f(setOf(7, 8, 65, 20_000), 3)
	f(setOf(ids...), 6)
	var all idSet
	if err := all.addAll(data, 0); err != nil || !slices.Equal(all.from(-1, 10, false), ids) {
		t.Errorf("got %v, %v; want %v", all.from(-1, 10, false), err, ids)
	}
	for _, broken := range [][]byte{{0x80}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}} {
		if _, err := countIDs(broken, 0, idSet{}); err == nil {
			t.Errorf("%x: counted", broken)
		}
		if err := new(idSet).addAll(broken, 0); err == nil {
			t.Errorf("%x: added", broken)
		}
	}
}

package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Limits of a search.
const (
	maxQueryWords = 12
	maxNamed      = 20
	maxCandidates = 100 // of each way to match that are ranked
)

// Search finds entities the caller may read that hold all the words, each as
// the beginning of a word in the text, without regard to case and accents. An
// exact name comes first, then titles, then the rest, the newest first among
// equals. No kinds means all. Of very many the newest of each way to match are
// ranked. What it shows of other people is written to the audit log; see
// GatherLooks.
func (c *Catalog) Search(ctx context.Context, caller Caller, text string, kinds []string, limit int) ([]Hit, error) {
	l, err := c.prepare(caller, Query{Kinds: kinds, Text: text})
	if err != nil {
		return nil, err
	}
	found := map[int64]row{}
	err = c.view(ctx, func(tx *sqldb.Tx) error {
		if err := l.present(ctx, tx); err != nil || len(l.words) == 0 {
			return err
		}
		if err := c.named(ctx, tx, l, strings.TrimSpace(text), found); err != nil {
			return err
		}
		ids, err := l.candidates(ctx, tx, limit)
		if err != nil || len(ids) == 0 {
			return err
		}
		among, args := sqldb.Among(tx.Dialect(), "e.id", ids)
		return collectRows(ctx, tx, found, `SELECT `+rowColumns+` FROM entities e WHERE e.deleted = 0 AND `+among, args...)
	})
	if err != nil {
		return nil, err
	}
	hits, err := c.ranked(found, text, l.words, limit)
	if err != nil {
		return nil, err
	}
	refs := make([]string, len(hits))
	for i, h := range hits {
		refs[i] = h.Ref
	}
	return hits, c.saw(ctx, caller, Query{Text: text, Kinds: kinds}.String(), refs)
}

// candidates returns the ids that are ranked: all that match when they are not
// many, else the newest of those that match better, and then of the others.
func (l *listing) candidates(ctx context.Context, q sqldb.Querier, limit int) ([]int64, error) {
	var all wordSets
	for i, w := range l.words {
		sets, _, err := l.c.withWord(ctx, q, l.caller.Org, l.kinds, w)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			sets.and(&all)
		}
		all = sets
	}
	most := max(limit, maxCandidates)
	if n := all.any.count(); n <= 3*most {
		return all.any.from(-1, n, false), nil
	}
	var out []int64
	for _, some := range []idSet{all.wholeInTitle, all.inTitle, all.whole, all.any} {
		out = append(out, some.from(math.MaxInt64, most, true)...)
		if len(out) >= 2*most {
			break
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// wordSets are the entities with a word: as the beginning of one, or whole, in
// the title or anywhere.
type wordSets struct{ any, whole, inTitle, wholeInTitle idSet }

func (s *wordSets) and(o *wordSets) {
	s.any.and(o.any)
	s.whole.and(o.whole)
	s.inTitle.and(o.inTitle)
	s.wholeInTitle.and(o.wholeInTitle)
}

// withWord returns the entities that have a word, and whether these are all. Of
// the beginning of very many words, as one letter may be, only some are read.
func (c *Catalog) withWord(ctx context.Context, q sqldb.Querier, org string, kinds []string, word string) (wordSets, bool, error) {
	s, all := wordSets{any: idSet{}}, true
	read := func(key string, sets func(whole bool) []*idSet) error {
		n, err := eachPosting(ctx, q, org, kinds, facetIn{key: key, beginning: word}, c.sizes.words, func(p posting, first int64, ids []byte) error {
			for _, set := range sets(p.value == word) {
				if err := set.addAll(ids, first); err != nil {
					return err
				}
			}
			return nil
		})
		all = all && n < c.sizes.words
		return err
	}
	err := read(titleKey, func(whole bool) []*idSet {
		if whole {
			return []*idSet{&s.any, &s.whole, &s.inTitle, &s.wholeInTitle}
		}
		return []*idSet{&s.any, &s.inTitle}
	})
	if err == nil {
		err = read(wordKey, func(whole bool) []*idSet {
			if whole {
				return []*idSet{&s.any, &s.whole}
			}
			return []*idSet{&s.any}
		})
	}
	return s, all, err
}

// named finds those whose name begins with the text, so that an exact name is
// among the candidates however common its words are.
func (c *Catalog) named(ctx context.Context, q sqldb.Querier, l *listing, text string, found map[int64]row) error {
	for _, kind := range l.kinds {
		err := collectRows(ctx, q, found, `SELECT `+rowColumns+` FROM entities e WHERE e.org = ? AND e.kind = ? AND e.deleted = 0 AND e.name >= ? AND e.name < ? ORDER BY e.name, e.id LIMIT ?`,
			l.caller.Org, kind, text, text+"\U0010FFFF", maxNamed)
		if err != nil {
			return err
		}
	}
	return nil
}

func collectRows(ctx context.Context, q sqldb.Querier, found map[int64]row, query string, args ...any) error {
	return sqldb.Each(ctx, q, func(s sqldb.Row) error {
		r, err := scanRow(s)
		if err != nil {
			return err
		}
		found[r.id] = r
		return nil
	}, query, args...)
}

type scored struct {
	e     *entity.Entity
	row   row
	score int
}

func (c *Catalog) ranked(found map[int64]row, text string, ws []string, limit int) ([]Hit, error) {
	var list []scored
	for _, r := range found {
		var e entity.Entity
		if err := json.Unmarshal(r.doc, &e); err != nil {
			return nil, err
		}
		list = append(list, scored{&e, r, score(&e, text, ws)})
	}
	slices.SortFunc(list, func(a, b scored) int {
		return cmp.Or(b.score-a.score, cmp.Compare(b.row.updated, a.row.updated), strings.Compare(a.row.ref, b.row.ref))
	})
	hits := make([]Hit, 0, min(limit, len(list)))
	for _, s := range list[:min(limit, len(list))] {
		if k := c.kinds.Get(s.e.Kind); k != nil {
			hits = append(hits, c.hit(k, s.e, s.row, ws))
		}
	}
	return hits, nil
}

// score ranks a match: name or title equal, beginning with the text, holding
// all words, some of them.
func score(e *entity.Entity, text string, ws []string) int {
	want, name, title := fold(strings.TrimSpace(text)), fold(e.Metadata.Name), fold(e.Metadata.Title)
	switch {
	case name == want || title == want:
		return 100
	case strings.HasPrefix(name, want) || title != "" && strings.HasPrefix(title, want):
		return 80
	}
	in := words(e.Metadata.Title + " " + e.Metadata.Name)
	n := 0
	for _, w := range ws {
		if slices.ContainsFunc(in, func(t string) bool { return strings.HasPrefix(t, w) }) {
			n++
		}
	}
	return 50 * n / len(ws)
}

func (c *Catalog) hit(k *Kind, e *entity.Entity, r row, ws []string) Hit {
	_, body := k.texts(e)
	return Hit{Ref: r.ref, Kind: e.Kind, Title: e.DisplayTitle(), Owner: ownerRef(e), Snippet: snippet(body, ws), Updated: sqldb.Time(r.updated)}
}

const snippetBytes = 180

// snippet returns the part of a text around the first match, on one line, with
// matches between \x02 and \x03.
func snippet(text string, ws []string) string {
	fields := strings.Fields(strings.Map(func(r rune) rune {
		if r == '\x02' || r == '\x03' {
			return -1
		}
		return r
	}, cut(text, 50_000)))
	first := 0
	hit := func(f string) bool {
		return slices.ContainsFunc(words(f), func(t string) bool {
			return slices.ContainsFunc(ws, func(w string) bool { return strings.HasPrefix(t, w) })
		})
	}
	if i := slices.IndexFunc(fields, hit); i > 8 {
		first = i - 8
	}
	var b strings.Builder
	if first > 0 {
		b.WriteString("… ")
	}
	for i, f := range fields[first:] {
		if b.Len() > snippetBytes {
			b.WriteString(" …")
			break
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		if hit(f) {
			f = "\x02" + f + "\x03"
		}
		b.WriteString(f)
	}
	return b.String()
}

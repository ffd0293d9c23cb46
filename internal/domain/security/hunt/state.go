package hunt

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/web"
)

// state is what the address of the page says.
type state struct {
	Query          string // LogsQL, words, or a Sigma rule
	And            string // LogsQL that is asked beside a Sigma rule
	Last, From, To string
	Columns        []string
	By             string // field that the picture over time is split by
	Facet          string // field whose values are looked at
	Offset         int    // events that came before, on the pages before
	At             int64  // when "now" is, in ms since 1970, while pages are turned; 0: now
	Wait           bool   // until the answer is there, however long it takes
}

const (
	longestQuery = 32 << 10
	mostColumns  = 12
)

func readState(c *web.Ctx) (state, error) {
	q := c.R.URL.Query()
	s := state{Query: strings.TrimSpace(strings.ReplaceAll(q.Get("q"), "\r\n", "\n")), And: c.Param("and"), Last: c.Param("last"), From: c.Param("from"), To: c.Param("to"),
		By: c.Param("by"), Facet: c.Param("facet"), Offset: max(0, min(c.IntParam("offset", 0), deepestRow)), Wait: c.Param("wait") != ""}
	s.At, _ = strconv.ParseInt(c.Param("at"), 10, 64)
	for _, name := range q["cols"] {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(s.Columns, name) && len(s.Columns) < mostColumns {
			s.Columns = append(s.Columns, name)
		}
	}
	if s.Last == "between" {
		s.Last = ""
	} else if s.Last != "" {
		s.From, s.To = "", ""
	}
	if len(s.Query)+len(s.And) > longestQuery {
		return s, fault.New(fault.TooLarge, "a query may have %d characters", longestQuery).Coded("hunt.long").WithHint("put what it holds into a saved hunt, or a detection")
	}
	return s, nil
}

// values are the parameters of an address that says the same.
func (s state) values() url.Values {
	q := url.Values{}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("q", s.Query)
	set("and", s.And)
	set("last", s.Last)
	set("from", s.From)
	set("to", s.To)
	set("by", s.By)
	set("facet", s.Facet)
	for _, name := range s.Columns {
		q.Add("cols", name)
	}
	if s.Offset > 0 {
		set("offset", strconv.Itoa(s.Offset))
	}
	if s.At > 0 {
		set("at", strconv.FormatInt(s.At, 10))
	}
	if s.Wait {
		set("wait", "1")
	}
	return q
}

func (s state) href(path string) string {
	if q := s.values().Encode(); q != "" {
		return path + "?" + q
	}
	return path
}

// afresh is the state from the first page on, and with what is new.
func (s state) afresh() state {
	s.Offset, s.At, s.Wait = 0, 0, false
	return s
}

// asking is the part of the query that terms are added to.
func (s state) asking() string {
	if isRule(s.Query) {
		return s.And
	}
	return s.Query
}

func (s state) ask(query string) state {
	if isRule(s.Query) {
		s.And = query
	} else {
		s.Query = query
	}
	return s.afresh()
}

// only returns the state that asks for a value of a field besides.
func (s state) only(field, value string, not bool) state {
	return s.ask(with(s.asking(), only(field, value, not)))
}

// between returns the state that looks at a stretch of time.
func (s state) between(from, to time.Time) state {
	s.Last, s.From, s.To = "", stamp(from), stamp(to)
	return s.afresh()
}

// before returns the state that looks back so far.
func (s state) before(last string) state {
	s.Last, s.From, s.To = last, "", ""
	return s.afresh()
}

func (s state) looking(field string) state {
	s.Facet = field
	return s
}

func (s state) page(offset int, at time.Time) state {
	s.Offset, s.At, s.Wait = offset, at.UnixMilli(), false
	return s
}

// now is the end of what looks back.
func (s state) now(clock time.Time) time.Time {
	if at := time.UnixMilli(s.At); s.At > 0 && at.Before(clock) && clock.Sub(at) < 7*24*time.Hour {
		return at.UTC()
	}
	return clock
}

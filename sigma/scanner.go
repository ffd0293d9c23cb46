package sigma

import (
	"slices"

	"github.com/binnaclehq/binnacle/sigma/jsonline"
)

// Scanner runs events through an Engine or a Router. It is for one goroutine at
// a time and keeps its memory from one event to the next.
type Scanner struct {
	engine  *Engine
	router  *Router           // or
	classes map[string]*class // of the router, by the texts of its fields
	key     []byte
	routing []member // members of the event that routes ask for
	event   event
	matches []*Rule
	as      []reading // the rules as they were matched
	line    []byte    // the last event
	routed  bool      // some rule was for it
	last    *Engine   // that it was run through
	finder  finder
}

// reading is a rule, and what events call its fields.
type reading struct {
	rule  *Rule
	names map[string]string
}

// Scanner makes a Scanner.
func (e *Engine) Scanner() *Scanner {
	return &Scanner{engine: e}
}

// Match returns the rules that an event in JSON matches, in the order they
// were given. The slice is good until the next call, and the line must not
// change until then. A line that is no JSON object is an error, and so is a rule that
// was changed after its Router was made.
//
// A name that an object has twice counts with all its values, as a list would.
func (s *Scanner) Match(line []byte) ([]*Rule, error) {
	return s.MatchMembers(line, jsonline.Members{})
}

// MatchMembers is Match of a line that was read before and is known to be a JSON
// object. Where nothing is known of its members it is Match.
func (s *Scanner) MatchMembers(line []byte, members jsonline.Members) ([]*Rule, error) {
	s.matches, s.as, s.line, s.routed = s.matches[:0], s.as[:0], line, s.router == nil
	s.finder.forget()
	ev := &s.event
	if s.router == nil {
		s.last = s.engine
		if err := ev.collect(s.engine.names, line, members); err != nil {
			return nil, err
		}
		for _, n := range ev.run(s.engine, nil, line, members) {
			rule := s.engine.rules[n]
			s.matches, s.as = append(s.matches, rule), append(s.as, reading{rule: rule})
		}
		return s.matches, nil
	}
	if err := ev.collect(s.router.names, line, members); err != nil {
		return nil, err
	}
	c := s.class()
	if c.failed != nil {
		return nil, c.failed
	}
	s.last = c.engine
	s.routed = len(c.routes) > 0 && (c.open == nil || slices.Contains(c.open, true))
	last := none // routes of one rule stand beside each other
	for _, matched := range ev.run(c.engine, c.local, line, members) {
		route := c.routes[matched]
		if rule := s.router.routes[route].rule; rule != last && (c.open == nil || c.open[matched]) {
			s.matches = append(s.matches, s.router.rules[rule])
			s.as = append(s.as, s.router.reading(route))
			last = rule
		}
	}
	return s.matches, nil
}

// Routed reports whether any rule was for the last event. Of a Router's, an event
// that takes no route was not looked at: that nothing matched says nothing of it.
func (s *Scanner) Routed() bool { return s.routed }

// Package parser reads what senders write: each format in a package of its own
// below this one. A parser keeps the fields as they came and adds the names of
// ECS beside them.
package parser

import (
	"time"

	"github.com/binnaclehq/binnacle/internal/lang"
)

// Format is a form of events.
type Format struct {
	Name  string // sshd, cloudtrail
	Title lang.Text
	Doc   lang.Text
	// Parse reads one record. An error is for a person and says what is wrong
	// where; the record is then rejected.
	Parse func(data []byte, env *Env, out *Out) error
	// Is reports whether a record looks like one of the format, for sources
	// whose format is "auto"; nil never does. It is quick and may be wrong.
	Is func(data []byte, env *Env) bool
}

// Env is what is known of a record beside its data.
type Env struct {
	Now   time.Time      // when it came
	Zone  *time.Location // of times that do not say theirs; nil is UTC
	Time  time.Time      // what the way it came says; zero for nothing
	Host  string         // what the way it came says
	Given map[string]string
}

// Out is what a parser makes of a record.
type Out struct {
	Line []byte    // one JSON object on one line; appended to
	Time time.Time // zero: the record does not say
	ID   string    // what the event calls itself, as eventID of CloudTrail; "" for nothing
	Host string    // host.name, where the line has it
}

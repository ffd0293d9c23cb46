// Package parser reads what senders write: each format in a package of its own
// below this one, all of them listed in package all. A parser keeps the fields as
// they came and adds the names of ECS beside them.
//
// What came as JSON is never written anew: the names that are added are appended
// to the object, and a name that the object has is left alone. Of what came as
// text, the line as it came is the field event.original.
package parser

import (
	"time"

	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/sigma/jsonline"
)

// Format is a form of events.
type Format struct {
	Name  string // sshd, cloudtrail
	Title lang.Text
	Doc   lang.Text
	// Parse reads one record. An error is for a person and says what is wrong
	// where; the record is then rejected, and what was appended to out is nothing.
	Parse func(data []byte, env *Env, out *Out) error
	// Is reports whether a record looks like one of the format, for sources
	// whose format is "auto"; nil never does. It is quick and may be wrong.
	Is func(data []byte, env *Env) bool

	known func(r *Reader) bool // Is of an object that was read
	add   func(r *Reader)
	lines bool // it reads what is no object, too
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
	Line []byte // one JSON object on one line; appended to
	// Members is what is known of the members of Line. Their places are from where it
	// begins, and appended to. Only formats of JSON objects say it.
	Members jsonline.Members
	Time    time.Time // zero: the record does not say
	ID      string    // what the event calls itself, as eventID of CloudTrail; "" for nothing
	Host    string    // host.name, where the line has it
	Format  string    // what read it, where the format chooses among others; "" is the format itself
}

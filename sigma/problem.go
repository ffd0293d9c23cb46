package sigma

import "fmt"

// Problem is why a document is refused, or what Check would have otherwise.
type Problem struct {
	Pos
	Code    string // of its kind, as "modifier" or "duplicate-id"
	Message string // what is wrong
	Fix     string // what to write instead
}

// Error says all of it: place, reason and fix.
func (p Problem) Error() string {
	s := p.Message
	if p.Fix != "" {
		s += ": " + p.Fix
	}
	if p.File == "" && p.Line == 0 {
		return s
	}
	return p.Pos.String() + ": " + s
}

// String is the place as editors know it: file:line.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// refusal is a Problem before its place is known.
type refusal struct{ code, message, fix string }

func (r *refusal) Error() string { return r.message + ": " + r.fix }

func refuse(code, fix, format string, args ...any) *refusal {
	return &refusal{code, fmt.Sprintf(format, args...), fix}
}

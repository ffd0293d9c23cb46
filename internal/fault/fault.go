// Package fault holds the few kinds of error the program knows. Each is mapped
// once to an HTTP status and once to an exit code; whatever is not one of them
// is internal and reveals nothing to the caller.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind says what sort of failure an error is.
type Kind int

// The kinds. The zero value is Internal, so that an unknown error never looks
// like the caller's mistake.
const (
	Internal        Kind = iota
	Invalid              // the input is wrong; Problems say where
	Unauthenticated      // nobody is signed in
	Forbidden            // somebody is, and may not
	NotFound             // no such thing, or not for this reader
	Conflict             // two hands changed the same field, or a name is taken
	Precondition         // the thing changed since it was read
	TooLarge             // over a limit of size
	RateLimited          // too many tries; RetryAfter says when
	Unavailable          // a part this needs does not answer now
)

var names = map[Kind]string{
	Internal: "internal", Invalid: "invalid", Unauthenticated: "unauthenticated", Forbidden: "forbidden",
	NotFound: "not-found", Conflict: "conflict", Precondition: "precondition-failed", TooLarge: "too-large",
	RateLimited: "rate-limited", Unavailable: "unavailable",
}

// String returns the kind's stable name, used in problem+json types.
func (k Kind) String() string { return names[k] }

var statuses = map[Kind]int{
	Internal: 500, Invalid: 422, Unauthenticated: 401, Forbidden: 403, NotFound: 404, Conflict: 409,
	Precondition: 412, TooLarge: 413, RateLimited: 429, Unavailable: 503,
}

// Status returns the HTTP status of a kind.
func (k Kind) Status() int { return statuses[k] }

// A Problem is one thing wrong with the input, and where.
type Problem struct {
	File   string   `json:"file,omitempty"`
	Line   int      `json:"line,omitempty"`   // from 1; 0 when unknown
	Column int      `json:"column,omitempty"` // from 1; 0 when unknown
	Ref    string   `json:"ref,omitempty"`    // the entity, as component:default/checkout
	Field  string   `json:"field,omitempty"`  // the path, as spec.owner or spec.links[2].url
	Code   string   `json:"code"`             // stable, as "required"; key of translations
	Msg    string   `json:"message"`          // one English sentence without the place
	Args   []string `json:"args,omitempty"`   // what a translation of Msg needs, in order
	Hint   string   `json:"hint,omitempty"`   // the fix, as `did you mean "owner"?`
}

// Place returns file:line:column as far as they are known.
func (p Problem) Place() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		if b.Len() == 0 {
			b.WriteString("line ")
		} else {
			b.WriteString(":")
		}
		fmt.Fprint(&b, p.Line)
		if p.Column > 0 {
			fmt.Fprintf(&b, ":%d", p.Column)
		}
	}
	return b.String()
}

// String returns the problem on one line: place, entity, field, message, hint.
func (p Problem) String() string {
	var parts []string
	for _, s := range []string{p.Place(), p.Ref, p.Field} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	msg := p.Msg
	if p.Hint != "" {
		msg += "; " + p.Hint
	}
	return strings.Join(append(parts, msg), ": ")
}

// Error is a failure of a known kind. Msg is one sentence a user can read;
// Err, the cause, is for the log only.
//
// Code names the sentence, so that it can be said in another language: the
// text fault.<code> with Args, and for the hint fault.<code>.hint with HintArgs.
type Error struct {
	Kind       Kind
	Msg        string
	Code       string
	Args       []any
	Hint       string // what to do next
	HintArgs   []any
	Problems   []Problem
	RetryAfter time.Duration
	Err        error
}

// Error returns the message, the hint and each problem on a line of its own.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Msg)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// WithHint sets what to do next and returns e.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint, e.HintArgs = fmt.Sprintf(format, args...), args
	return e
}

// Coded gives e the code of its sentence and returns e.
func (e *Error) Coded(code string) *Error {
	e.Code = code
	return e
}

// With adds what is wrong with the input and returns e.
func (e *Error) With(problems ...Problem) *Error {
	e.Problems = append(e.Problems, problems...)
	return e
}

// New returns an error of a kind with a sentence for the user.
func New(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Msg: fmt.Sprintf(format, args...), Args: args}
}

// Bad returns an Invalid error that lists the problems.
func Bad(msg string, problems ...Problem) *Error {
	return &Error{Kind: Invalid, Msg: msg, Problems: problems}
}

// KindOf returns the kind of err; Internal for any error not of this package.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Is reports whether err is of kind k. A nil error is of no kind.
func Is(err error, k Kind) bool { return err != nil && KindOf(err) == k }

// ProblemsOf returns the problems err carries.
func ProblemsOf(err error) []Problem {
	var e *Error
	if errors.As(err, &e) {
		return e.Problems
	}
	return nil
}

// HintOf returns what err says to do next.
func HintOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// Wrap adds the operation and its arguments to a non-nil *errp, keeping its
// kind. Use it with defer, once per function.
func Wrap(errp *error, format string, args ...any) {
	if *errp != nil {
		*errp = fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), *errp)
	}
}

package auth

import (
	"errors"
	"fmt"
	"strings"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Reason is why the door refused, in every language. Each fault of this
// package carries one; Code is stable, as "wrong-password".
type Reason struct {
	Code string
	Text lang.Text
}

// Error returns the code.
func (r *Reason) Error() string { return r.Code }

// ReasonOf returns why the door refused; false when err is not the door's.
func ReasonOf(err error) (*Reason, bool) {
	var r *Reason
	ok := errors.As(err, &r)
	return r, ok
}

// refuse returns a fault of a kind with its sentence in both languages. The
// marks {0}, {1}, … stand for args; a lang.Text among them is put in its own
// language.
func refuse(kind fault.Kind, code, en, es string, args ...any) *fault.Error {
	for i, a := range args {
		t, ok := a.(lang.Text)
		if !ok {
			t = lang.T(fmt.Sprint(a), fmt.Sprint(a))
		}
		mark := fmt.Sprintf("{%d}", i)
		en, es = strings.ReplaceAll(en, mark, t.En), strings.ReplaceAll(es, mark, t.Es)
	}
	return &fault.Error{Kind: kind, Msg: en, Err: &Reason{code, lang.T(en, es)}}
}

// Refuse returns a fault of a kind with its sentence in both languages, for the
// other parts of the kernel. {0}, {1}, … in the text stand for args.
func Refuse(kind fault.Kind, code string, text lang.Text, args ...any) *fault.Error {
	return refuse(kind, code, text.En, text.Es, args...)
}

// BadField is Refuse for one field of a form that is wrong.
func BadField(field, code string, text lang.Text, args ...any) error {
	return badField(field, code, text.En, text.Es, args...)
}

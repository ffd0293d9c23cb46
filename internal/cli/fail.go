package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// The exit codes.
const (
	exitDone     = 0
	exitFailed   = 1 // and of diff: there are differences
	exitUsage    = 2
	exitPartly   = 3
	exitNotFound = 4
	exitRefused  = 5
	exitConflict = 6
)

// failure is an error of this package, in both languages.
type failure struct {
	code  int
	text  lang.Text
	hint  lang.Text
	cause error
}

func (f *failure) Error() string { return f.text.En }

func (f *failure) Unwrap() error { return f.cause }

// hinting says what to do next.
func (f *failure) hinting(en, es string, args ...any) *failure {
	f.hint = words(en, es, args)
	return f
}

// because keeps the error that led here.
func (f *failure) because(err error) *failure {
	f.cause = err
	return f
}

func words(en, es string, args []any) lang.Text {
	if len(args) == 0 {
		return lang.T(en, es)
	}
	return lang.T(fmt.Sprintf(en, args...), fmt.Sprintf(es, args...))
}

func failed(code int, en, es string, args ...any) *failure {
	return &failure{code: code, text: words(en, es, args)}
}

// usage is a command that was not understood.
func usage(en, es string, args ...any) *failure { return failed(exitUsage, en, es, args...) }

var (
	errInterrupted = failed(exitFailed, "interrupted", "interrumpido").
			hinting("what was written before is whole; run the command again to go on", "lo escrito hasta aquí está entero; repite la orden para continuar")
	// errDiffers ends diff quietly when something differs.
	errDiffers = &failure{code: exitFailed}
)

var exitCodes = map[fault.Kind]int{
	fault.NotFound: exitNotFound, fault.Forbidden: exitRefused, fault.Unauthenticated: exitRefused,
	fault.Conflict: exitConflict, fault.Precondition: exitConflict,
}

func exitCode(err error) int {
	var f *failure
	if errors.As(err, &f) {
		return f.code
	}
	if code, ok := exitCodes[fault.KindOf(err)]; ok {
		return code
	}
	return exitFailed
}

// finish reports err and returns the exit code.
func (s *session) finish(err error) int {
	if err == nil {
		return exitDone
	}
	if text := s.sentence(err); text != "" {
		fmt.Fprintf(s.Err, "%s %s\n", s.paint(s.ErrTTY, "bad", s.say(lang.T("error:", "error:"))), text)
		s.report(fault.ProblemsOf(err))
		fmt.Fprintf(s.Err, "%s %s\n", s.paint(s.ErrTTY, "info", s.say(lang.T("hint:", "consejo:"))), s.hintOf(err))
	}
	return exitCode(err)
}

// report lists problems, one a line, each with its place.
func (s *session) report(problems []fault.Problem) {
	problems = slices.Clone(problems)
	slices.SortStableFunc(problems, func(a, b fault.Problem) int {
		if a.File != b.File {
			return 0 // files stay in the order given
		}
		return a.Line - b.Line
	})
	for _, p := range problems {
		fmt.Fprintln(s.Err, "  "+printable(p.String()))
	}
}

// sentence is what went wrong.
func (s *session) sentence(err error) string {
	var f *failure
	if errors.As(err, &f) {
		text := f.text.In(s.code)
		if f.cause != nil {
			text += ": " + s.sentence(f.cause)
		}
		return text
	}
	if reason, ok := auth.ReasonOf(err); ok {
		return reason.Text.In(s.code)
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return printable(leadOf(err, known) + known.Msg)
	}
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		return printable(urlErr.URL + ": " + urlErr.Err.Error())
	}
	return printable(err.Error())
}

// leadOf is what fault.Wrap put before the message of a known error.
func leadOf(err error, known *fault.Error) string {
	before, ok := strings.CutSuffix(err.Error(), known.Error())
	if !ok {
		return ""
	}
	return before
}

var usualHints = map[fault.Kind]lang.Text{
	fault.NotFound:        lang.T(`"binnacle get KIND" lists what there is`, `"binnacle get CLASE" enumera lo que hay`),
	fault.Invalid:         lang.T(`correct it and try again; "binnacle explain KIND" describes the fields`, `corrígelo y repite; "binnacle explain CLASE" describe los campos`),
	fault.Unauthenticated: lang.T(`sign in with "binnacle login", or give a token with --token`, `inicia sesión con "binnacle login", o da un token con --token`),
	fault.Forbidden:       lang.T(`ask somebody with that role, or use a token with wider scopes`, `pídeselo a alguien con esa función, o usa un token con más ámbitos`),
	fault.Conflict:        lang.T(`read it again, then repeat the change`, `léelo de nuevo y repite el cambio`),
	fault.Precondition:    lang.T(`read it again, then repeat the change`, `léelo de nuevo y repite el cambio`),
	fault.TooLarge:        lang.T(`do it in smaller parts`, `hazlo en partes más pequeñas`),
	fault.RateLimited:     lang.T(`wait a while, then try again`, `espera un rato y repite`),
	fault.Unavailable:     lang.T(`try again in a while; "binnacle doctor" says what is wrong`, `repite dentro de un rato; "binnacle doctor" dice qué falla`),
	fault.Internal:        lang.T(`"binnacle doctor" checks the installation and explains what is wrong`, `"binnacle doctor" comprueba la instalación y explica qué falla`),
}

// hintOf says what to do next about err; there is always something.
func (s *session) hintOf(err error) string {
	var f *failure
	if errors.As(err, &f) && f.hint != (lang.Text{}) {
		return f.hint.In(s.code)
	}
	if hint := fault.HintOf(err); hint != "" {
		return printable(hint)
	}
	var netErr net.Error
	var pathErr *fs.PathError
	switch {
	case errors.As(err, &pathErr): // first: the system's error number in it is a net.Error too
		return s.say(lang.T("check the path and who may read it: %s", "comprueba la ruta y quién puede leerla: %s"), pathErr.Path)
	case errors.As(err, &netErr), errors.As(err, new(*net.OpError)):
		return s.say(lang.T(`is the server running, and the address right? "binnacle serve --data DIR" starts one`, `¿está el servidor en marcha y bien la dirección? "binnacle serve --data DIR" arranca uno`))
	case errors.Is(err, context.DeadlineExceeded):
		return s.say(lang.T("it took too long; try again", "tardó demasiado; repite"))
	}
	return s.say(usualHints[fault.KindOf(err)])
}

// flagError turns what pflag says into a usage error that proposes a flag.
func (s *session) flagError(cc *cobra.Command, err error) error {
	u := usage("%s", "%s", err.Error())
	var chosen *failure
	var wrong *pflag.InvalidValueError
	if errors.As(err, &wrong) && errors.As(wrong.Unwrap(), &chosen) {
		name := wrong.GetFlag().Name
		chosen.text = words("--%s: %s", "--%s: %s", []any{name, chosen.text.En})
		return chosen
	}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var names []string
		cc.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := catalog.Nearest(unknown.GetSpecifiedName(), names); near != "" {
			return u.hinting("did you mean --%s?", "¿querías decir --%s?", near)
		}
	}
	return u.hinting("%s --help lists the flags", "%s --help enumera las opciones", cc.CommandPath())
}

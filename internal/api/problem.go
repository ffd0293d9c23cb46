package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// ProblemDetails is how a failure is told: RFC 9457, with what to do next and each
// thing that is wrong.
type ProblemDetails struct {
	Type     string          `json:"type" doc:"What sort of failure it is, as urn:binnacle:problem:conflict."`
	Title    string          `json:"title" doc:"The same in words, always alike for one type."`
	Status   int             `json:"status" doc:"The HTTP status."`
	Detail   string          `json:"detail" doc:"What happened this time."`
	Instance string          `json:"instance" doc:"The request, as the server's log has it."`
	Hint     string          `json:"hint,omitempty" doc:"What to do next."`
	Problems []fault.Problem `json:"problems,omitempty" doc:"Each thing that is wrong, and where."`
}

// statusError is a fault with a status of its own.
type statusError struct {
	*failure
	status int
}

// failure is embedded under this name because Error is its method's.
type failure = fault.Error

func (e *statusError) Unwrap() error { return e.failure }

// badRequest says that the request itself cannot be understood.
func badRequest(code, format string, args ...any) *statusError {
	e := fault.New(fault.Invalid, format, args...)
	e.Problems = []fault.Problem{{Code: code, Msg: e.Msg}}
	return &statusError{e, http.StatusBadRequest}
}

func badParam(name, msg string) *statusError {
	e := fault.Bad(fmt.Sprintf("The parameter %q %s.", name, strings.TrimSuffix(msg, ".")), fault.Problem{Field: name, Code: "parameter", Msg: msg})
	return &statusError{e, http.StatusBadRequest}
}

func withStatus(status int, format string, args ...any) *statusError {
	return &statusError{fault.New(fault.Invalid, format, args...), status}
}

var titles = map[int]lang.Text{
	400: lang.T("The request cannot be understood", "La petición no se entiende"),
	401: lang.T("Nobody is signed in", "Nadie ha iniciado sesión"),
	403: lang.T("Not allowed", "No permitido"),
	404: lang.T("Not found", "No se encuentra"),
	405: lang.T("No such method here", "Ese método no existe aquí"),
	406: lang.T("No such format", "Ese formato no existe"),
	409: lang.T("In conflict with what is there", "En conflicto con lo que hay"),
	412: lang.T("Changed in the meantime", "Ha cambiado entretanto"),
	413: lang.T("Too large", "Demasiado grande"),
	415: lang.T("This format is not taken here", "Ese formato no se admite aquí"),
	422: lang.T("Something in it is wrong", "Hay algo incorrecto"),
	429: lang.T("Too many tries", "Demasiados intentos"),
	500: lang.T("Something failed here", "Algo ha fallado aquí"),
	503: lang.T("Not available now", "No disponible ahora"),
}

// names of the types that have no fault.Kind.
var typeNames = map[int]string{400: "bad-request", 405: "method-not-allowed", 406: "not-acceptable", 415: "unsupported-media-type"}

// ProblemOf returns how err is told to who asked.
func ProblemOf(r *http.Request, err error) ProblemDetails {
	code := lang.Match(r.Header.Get("Accept-Language"))
	status := statusOf(err)
	name, ok := typeNames[status]
	if !ok {
		name = fault.KindOf(err).String()
	}
	p := ProblemDetails{
		Type: "urn:binnacle:problem:" + name, Title: titles[status].In(code), Status: status, Detail: door.PublicMessage(r.Context(), err),
		Instance: "urn:binnacle:request:" + door.RequestID(r.Context()), Hint: fault.HintOf(err), Problems: fault.ProblemsOf(err),
	}
	if reason, ok := auth.ReasonOf(err); ok {
		p.Detail = reason.Text.In(code)
	}
	return p
}

func statusOf(err error) int {
	var s *statusError
	if errors.As(err, &s) {
		return s.status
	}
	return door.StatusOf(err)
}

// Error shows err as problem+json: the face's function for the door.
func (a *API) Error(w http.ResponseWriter, r *http.Request, err error) {
	p := ProblemOf(r, err)
	if errors.Is(err, door.ErrNoRoute) {
		p.Hint = a.nearPath(r.URL.Path)
	}
	var f *fault.Error
	if errors.As(err, &f) && f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds()+0.999)))
	}
	w.Header().Set("Content-Type", problemType)
	w.Header().Set("Vary", "Accept-Language")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) // the reader is gone if this fails
}

// nearPath proposes the collection a wrong address may have meant.
func (a *API) nearPath(path string) string {
	rest, ok := strings.CutPrefix(path, Prefix+"/")
	if !ok {
		return "the operations are under " + Prefix + " and described at /api"
	}
	first, _, _ := strings.Cut(rest, "/")
	if k := a.Catalog.Kinds().Get(first); k != nil && k.Plural != first {
		return fmt.Sprintf("did you mean %s/%s?", Prefix, k.Plural)
	}
	if near := catalog.Nearest(first, a.segments()); near != "" && near != first {
		return fmt.Sprintf("did you mean %s/%s?", Prefix, near)
	}
	return "the operations are described at /api"
}

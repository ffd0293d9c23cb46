package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/binnaclehq/binnacle/internal/lang"
)

// confirm asks a question whose answer must be yes.
func (s *session) confirm(question lang.Text) error {
	if !s.InTTY {
		return usage("this asks first, and there is nobody to ask", "esto pregunta antes, y no hay a quién").
			hinting("add --yes to go on without asking", "añade --yes para seguir sin preguntar")
	}
	answer, err := s.ask(lang.T(question.En+" [y/N] ", question.Es+" [s/N] "))
	if err != nil {
		return err
	}
	switch strings.ToLower(answer) {
	case "y", "yes", "s", "si", "sí":
		return nil
	}
	return failed(exitFailed, "nothing was done", "no se hizo nada").hinting("answer y, or add --yes", "responde s, o añade --yes")
}

// ask writes a question and reads one line.
func (s *session) ask(question lang.Text) (string, error) {
	if s.InTTY {
		fmt.Fprint(s.Err, question.In(s.code))
	}
	line, err := s.line()
	return strings.TrimSpace(line), err
}

// line reads a line of standard input.
func (s *session) line() (string, error) {
	line, err := s.interruptible(func() (string, error) {
		if s.lines == nil {
			s.lines = bufio.NewReader(s.In)
		}
		return s.lines.ReadString('\n')
	})
	if err == io.EOF && line != "" {
		err = nil
	}
	if err == io.EOF {
		return "", usage("standard input is empty", "la entrada estándar está vacía").hinting("give what is asked for on standard input, or at a terminal", "da lo que se pide por la entrada estándar, o en una terminal")
	}
	return strings.TrimRight(line, "\r\n"), err
}

// newPassword asks for a password twice, or reads it from standard input.
func (s *session) newPassword(ask, stdin bool) (string, error) {
	switch {
	case stdin:
		data, err := io.ReadAll(io.LimitReader(s.In, 4096))
		return strings.TrimRight(string(data), "\r\n"), err
	case !ask:
		return "", nil
	}
	first, err := s.secret(lang.T("Password: ", "Contraseña: "))
	if err != nil {
		return "", err
	}
	again, err := s.secret(lang.T("Again: ", "Otra vez: "))
	if err == nil && first != again {
		err = failed(exitFailed, "the two passwords differ", "las dos contraseñas no coinciden").hinting("try again", "repite")
	}
	return first, err
}

// secret asks for a text that is not shown.
func (s *session) secret(question lang.Text) (string, error) {
	f, ok := s.In.(*os.File)
	if !s.InTTY || !ok {
		return "", usage("this asks for a secret, and there is nobody to ask", "esto pide un secreto, y no hay a quién").
			hinting("run it at a terminal, or give the secret on standard input with --token-stdin or --password-stdin", "ejecútalo en una terminal, o da el secreto por la entrada estándar con --token-stdin o --password-stdin")
	}
	fmt.Fprint(s.Err, question.In(s.code))
	defer fmt.Fprintln(s.Err)
	before, err := term.GetState(int(f.Fd()))
	if err != nil {
		return "", err
	}
	answer, err := s.interruptible(func() (string, error) {
		data, err := term.ReadPassword(int(f.Fd()))
		return string(data), err
	})
	return answer, errors.Join(err, term.Restore(int(f.Fd()), before))
}

// interruptible waits for a person's answer or for the end of the run. An
// answer that nobody waits for any more is lost with the process.
func (s *session) interruptible(read func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := read()
		got <- answer{text, err}
	}()
	select {
	case a := <-got:
		return a.text, a.err
	case <-s.done:
		return "", errInterrupted
	}
}

package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// Check returns what is wrong with a command line, given without the program's
// name, as far as that can be told without running it: a command there is not,
// a flag it does not have, a value a flag does not take, too few or too many
// arguments.
func Check(p Program, args []string) error {
	s := &session{Program: p, Streams: Streams{Env: func(string) string { return "" }}, code: "en", made: map[*cobra.Command]*command{}}
	root := s.build(s.root())
	cc, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if err := cc.ParseFlags(rest); err != nil {
		return fmt.Errorf("%s: %w", cc.CommandPath(), err)
	}
	c, n := s.made[cc], cc.Flags().NArg()
	switch help, _ := cc.Flags().GetBool("help"); {
	case help:
		return nil
	case c.run == nil && n > 0:
		return fmt.Errorf("%s has no command %q", cc.CommandPath(), cc.Flags().Arg(0))
	case c.run == nil && cc.HasParent():
		return errors.New(cc.CommandPath() + " needs a command")
	case c.run != nil && (n < c.min || c.max >= 0 && n > c.max):
		return fmt.Errorf("%s takes %d to %d arguments, not %d", cc.CommandPath(), c.min, c.max, n)
	}
	return nil
}

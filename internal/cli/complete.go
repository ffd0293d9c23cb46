package cli

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// completion proposes what the next argument may be; files says that a path may
// stand there too.
type completion func(ctx context.Context, s *session, args []string, begin string) (words []string, files bool)

func completionCommand() *command {
	return &command{
		use: "completion bash|zsh|fish|powershell", short: lang.T("Print the script by which a shell completes commands, kinds and names.", "Imprime el guion con el que la consola completa órdenes, clases y nombres."),
		examples: []example{
			{lang.T("bash, for all shells to come", "bash, para todas las consolas siguientes"), "binnacle completion bash > ~/.local/share/bash-completion/completions/binnacle"},
			{lang.T("zsh, for this shell", "zsh, para esta consola"), "source <(binnacle completion zsh)"},
			{lang.T("fish", "fish"), "binnacle completion fish > ~/.config/fish/completions/binnacle.fish"},
		},
		access: offline(), min: 1, max: 1,
		complete: func(context.Context, *session, []string, string) ([]string, bool) {
			return []string{"bash", "zsh", "fish", "powershell"}, false
		},
		run: func(_ context.Context, s *session, args []string) error {
			root := s.top
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(s.Out, true)
			case "zsh":
				return root.GenZshCompletion(s.Out)
			case "fish":
				return root.GenFishCompletion(s.Out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(s.Out)
			}
			return usage("there is no completion for %q", "no hay guion para %q", args[0]).hinting("use bash, zsh, fish or powershell", "usa bash, zsh, fish o powershell")
		},
	}
}

// completionTime is how long a shell may wait for proposals.
const completionTime = 2 * time.Second

func (s *session) completer(c *command) cobra.CompletionFunc {
	return func(cc *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
		if c.complete == nil {
			if len(c.children) > 0 || c.max == 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveDefault
		}
		s.runs = c
		ctx, cancel := context.WithTimeout(cc.Context(), completionTime)
		defer cancel()
		words, files := c.complete(ctx, s, args, begin)
		s.close()
		directive := cobra.ShellCompDirectiveNoFileComp
		if files {
			directive = cobra.ShellCompDirectiveDefault
		}
		if slices.ContainsFunc(words, func(w string) bool { return strings.HasSuffix(w, "/") }) {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		return words, directive
	}
}

func completeKinds(_ context.Context, s *session, args []string, _ string) ([]string, bool) {
	if len(args) > 0 {
		return nil, false
	}
	return s.plurals(), false
}

func (s *session) plurals() []string {
	var out []string
	for _, k := range s.Kinds.All() {
		out = append(out, k.Plural+"\t"+s.say(lang.T(k.Doc.En, k.Doc.Es)))
	}
	return out
}

// completeTargets proposes kinds, then names of the kind: "component/che…" or
// "component che…".
func completeTargets(ctx context.Context, s *session, args []string, begin string) ([]string, bool) {
	kind, name, slash := strings.Cut(begin, "/")
	if slash {
		return s.names(ctx, kind, name, kind+"/"), false
	}
	if len(args) > 0 && !strings.ContainsAny(args[0], "/:,") {
		return s.names(ctx, args[0], begin, ""), false
	}
	if len(args) > 0 {
		var out []string
		for _, k := range s.Kinds.All() {
			out = append(out, strings.ToLower(k.Name)+"/")
		}
		return out, false
	}
	return s.plurals(), false
}

const maxProposals = 100

// names proposes names of a kind that begin with a text.
func (s *session) names(ctx context.Context, kind, begin, before string) []string {
	k := s.Kinds.Get(kind)
	if k == nil {
		return nil
	}
	at, err := s.open(ctx)
	if err != nil {
		return nil // a shell has no place for a reason
	}
	q := catalog.Query{Kinds: []string{k.Name}, Namespace: entity.DefaultNamespace, Limit: maxProposals}
	if begin != "" {
		q.CEL = "metadata.name.startsWith(" + strconv.Quote(begin) + ")"
	}
	var out []string
	err = at.Each(ctx, q, func(e *entity.Entity) error {
		out = append(out, before+e.Metadata.Name+"\t"+oneLine(e.DisplayTitle(), maxTitle))
		return nil
	})
	if err != nil {
		return nil
	}
	return out
}

func completeImport(_ context.Context, s *session, args []string, _ string) ([]string, bool) {
	if len(args) > 0 {
		return nil, true
	}
	return formatNames(s.importFormats()), false
}

func completeExport(_ context.Context, s *session, args []string, _ string) ([]string, bool) {
	if len(args) > 0 {
		return s.plurals(), false
	}
	return formatNames(s.exportFormats()), false
}

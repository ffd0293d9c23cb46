package alerts

import (
	"io/fs"
	"regexp"
	"strings"
)

var ruleID = regexp.MustCompile(`(?m)^id:\s*([0-9a-fA-F-]{36})\s*$`)

// RuleTexts returns the Sigma rules of a folder and those below it, by their ids.
// A file may hold several, and one that cannot be read has none: what is wrong
// with rules is said where they are loaded.
func RuleTexts(fsys fs.FS) map[string]string {
	out := map[string]string{}
	_ = fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yml") && !strings.HasSuffix(path, ".yaml") {
			return nil
		}
		data, err := fs.ReadFile(fsys, path)
		if err != nil {
			return nil
		}
		for _, text := range strings.Split(string(data), "\n---") {
			text = strings.TrimSpace(strings.TrimPrefix(text, "---"))
			if m := ruleID.FindStringSubmatch(text); m != nil {
				out[strings.ToLower(m[1])] = text
			}
		}
		return nil
	})
	return out
}

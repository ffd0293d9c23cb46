package app_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/cli"
	"github.com/binnaclehq/binnacle/internal/testenv"
)

// binnacle runs a command of the program in this process and returns what it
// printed.
func binnacle(t testing.TB, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	code := cli.Run(context.Background(), app.Program(), cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs, Env: func(string) string { return "" }}, args)
	if code != 0 {
		t.Fatalf("binnacle %s ends with %d: %s%s", strings.Join(args, " "), code, &out, &errs)
	}
	return out.String()
}

// serve runs a command that serves until the test ends, and returns the lines
// it printed until mark, a regular expression, was among them.
func serve(t testing.TB, mark string, args ...string) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		var errs bytes.Buffer
		code := cli.Run(ctx, app.Program(), cli.Streams{In: strings.NewReader(""), Out: w, Err: &errs, Env: func(string) string { return "" }}, args)
		w.CloseWithError(fmt.Errorf("it ended with %d: %s", code, &errs))
		ended <- code
	}()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("binnacle %s ends with %d", strings.Join(args, " "), code)
		}
	})
	var said strings.Builder
	found := regexp.MustCompile(mark)
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		said.WriteString(line)
		if err != nil {
			t.Fatalf("binnacle %s: %v", strings.Join(args, " "), err)
		}
		if found.MatchString(said.String()) {
			go io.Copy(io.Discard, r)
			return said.String()
		}
	}
}

// patience is how long a browser may take for a step: on a machine that is busy
// with other things everything stands still for half a minute now and then.
const patience = time.Minute

type step = chromedp.Action[chromedp.Void]

// browser is a Chromium of its own.
func newBrowser(t testing.TB) context.Context {
	t.Helper()
	path := testenv.Chromium(t)
	ctx, stop := chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en-GB")))
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// tab is one page of a browser, of one person.
type tab struct {
	*testing.T
	ctx   context.Context
	base  string
	shots string // folder of pictures

	mu       sync.Mutex
	problems []string
}

// person opens a tab with cookies of its own. At the end of the test it must
// have had no error of a script and no refusal of the security policy.
func person(t *testing.T, browser context.Context, base string) *tab {
	t.Helper()
	ctx, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(stop)
	ctx, stopLate := context.WithTimeout(ctx, 8*time.Minute)
	t.Cleanup(stopLate)
	b := &tab{T: t, ctx: ctx, base: base, shots: pictures(t)}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(1440, 900))
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.problems) > 0 {
			t.Errorf("the browser complains:\n%s", strings.Join(b.problems, "\n"))
		}
	})
	return b
}

// picturesAt names the variable with the folder for pictures.
const picturesAt = "BINNACLE_SCREENSHOTS"

// pictures is the folder that BINNACLE_SCREENSHOTS names, or one that is gone
// after the test.
func pictures(t testing.TB) string {
	t.Helper()
	dir := os.Getenv(picturesAt)
	if dir == "" {
		return t.TempDir()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// hear collects errors of scripts and refusals of the security policy. That an
// answer was an error is not one: the journey asks for some.
func (b *tab) hear(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		b.problems = append(b.problems, e.ExceptionDetails.Text+" "+e.ExceptionDetails.URL)
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError && e.Entry.Source != cdplog.EntrySourceNetwork {
			b.problems = append(b.problems, e.Entry.Text)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			b.problems = append(b.problems, fmt.Sprint("console: ", e.Args))
		}
	}
}

func (b *tab) do(actions ...step) {
	b.Helper()
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.lost("%v", err)
	}
}

// lost ends the test with where the browser stands, and a picture of it.
func (b *tab) lost(format string, args ...any) {
	b.Helper()
	where := b.eval("location.pathname + ': ' + document.querySelector('main')?.innerText.replace(/\\s+/g, ' ').slice(0, 400)")
	b.shot("lost")
	b.Fatalf(format+", at %v", append(args, where)...)
}

// eval returns the value of a JavaScript expression.
func (b *tab) eval(expr string) any {
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[any](expr))
	if err != nil {
		return err
	}
	return v
}

// eventually fails unless a JavaScript expression becomes want.
func (b *tab) eventually(expr string, want any) {
	b.Helper()
	var got any
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if got = b.eval(expr); fmt.Sprint(got) == fmt.Sprint(want) {
			return
		}
	}
	b.lost("%s is %v, want %v", expr, got, want)
}

// open goes to a page of the program.
func (b *tab) open(path string) {
	b.Helper()
	b.do(chromedp.Navigate(b.base + path))
	b.at(strings.SplitN(path, "?", 2)[0])
}

// at waits until the page at path has come.
func (b *tab) at(path string) {
	b.Helper()
	b.eventually("document.readyState === 'complete' ? location.pathname : ''", path)
}

// sees waits until the main part of the page has all the words.
func (b *tab) sees(words ...string) {
	b.Helper()
	for _, w := range words {
		b.eventually(fmt.Sprintf("document.readyState === 'complete' && document.body.innerText.includes(%q)", w), true)
	}
}

// lacks fails when an element that a selector finds can be seen.
func (b *tab) lacks(selector string) {
	b.Helper()
	b.eventually(fmt.Sprintf("document.readyState === 'complete' ? [...document.querySelectorAll(%q)].filter(e => e.checkVisibility()).length : 'loading'", selector), 0)
}

// wants fails unless one does.
func (b *tab) wants(selector string) {
	b.Helper()
	b.eventually(fmt.Sprintf("document.readyState === 'complete' && [...document.querySelectorAll(%q)].some(e => e.checkVisibility())", selector), true)
}

// on clicks an element once the page is painted: what is clicked before that is
// lost. A page that is just being left is never painted; the next one is.
func on(selector string) step {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		const painted = "Promise.race([new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r))), new Promise(r => setTimeout(r, 500))]).then(() => true)"
		_, err := chromedp.Run(ctx, chromedp.Evaluate[any](painted, chromedp.EvalAwaitPromise))
		for err != nil && strings.Contains(err.Error(), "navigated") && ctx.Err() == nil {
			_, err = chromedp.Run(ctx, chromedp.Evaluate[any](painted, chromedp.EvalAwaitPromise))
		}
		if err != nil {
			return err
		}
		return chromedp.Do(ctx, chromedp.Click(chromedp.CSS(selector)))
	})
}

func run(script string) step {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Run(ctx, chromedp.Evaluate[any](script+"; null"))
		return err
	})
}

// press types keys as a keyboard does: a key that the page keeps for itself
// writes no letter.
func press(keys string, opts ...chromedp.KeyOption) step {
	raw := func(p *input.DispatchKeyEventParams) {
		if p.Type == kb.KeyDown {
			p.Type = input.DispatchKeyEventTypeRawKeyDown
		}
	}
	return chromedp.KeyEvent(keys, append(opts, raw)...)
}

// opens clicks a button until what it opens is there: Chromium loses a click
// that comes while one page takes the place of another.
func (b *tab) opens(button, what string) {
	b.Helper()
	for range 5 {
		b.do(on(button))
		for range 10 {
			if b.eval(fmt.Sprintf("!!document.querySelector(%q)", what)) == true {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	b.lost("%s does not open %s", button, what)
}

// fill types into a field in place of what was there.
func (b *tab) fill(selector, text string) {
	b.Helper()
	b.do(run(fmt.Sprintf("(e => { e.focus(); e.select(); })(document.querySelector(%q))", selector)), press(kb.Backspace))
	b.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// shot keeps a picture of what is shown.
func (b *tab) shot(name string) {
	b.Helper()
	data, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(b.shots, name+".png"), data, 0o644)
	}
	if err != nil {
		b.Fatal(err)
	}
}

package listen

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// tokens gives "good" an organisation.
func tokens(_ context.Context, token, source string) (string, string, error) {
	if token != "good" {
		return "", "", fault.New(fault.Unauthenticated, "the token is not known")
	}
	return "acme", source, nil
}

// exporter is OpenTelemetry's own.
func exporter(t *testing.T, addr string, opts ...otlploggrpc.Option) *otlploggrpc.Exporter {
	t.Helper()
	opts = append([]otlploggrpc.Option{otlploggrpc.WithEndpoint(addr), otlploggrpc.WithTimeout(10 * time.Second)}, opts...)
	e, err := otlploggrpc.New(t.Context(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Shutdown(context.Background()) })
	return e
}

// emit sends records through the SDK and returns what the exporter said.
func emit(t *testing.T, e *otlploggrpc.Exporter, n int) error {
	t.Helper()
	saw := &witness{Exporter: e}
	p := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(saw)), sdklog.WithResource(resource.NewSchemaless(attribute.String("service.name", "checkout"), attribute.String("host.name", "web-1"))))
	l := p.Logger("shop")
	for i := range n {
		var r log.Record
		r.SetTimestamp(time.Unix(1700000000, int64(i)))
		r.SetSeverity(log.SeverityError)
		r.SetBody(attribute.StringValue(fmt.Sprintf("order %d failed", i)))
		r.AddAttributes(attribute.Int("http.response.status_code", 500))
		l.Emit(t.Context(), r)
	}
	if err := p.Shutdown(t.Context()); err != nil && saw.err == nil {
		return err
	}
	return saw.err
}

type witness struct {
	*otlploggrpc.Exporter
	mu  sync.Mutex
	err error
}

func (w *witness) Export(ctx context.Context, r []sdklog.Record) error {
	err := w.Exporter.Export(ctx, r)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = errors.Join(w.err, err)
	return err
}

func TestOTLPFromTheSDK(t *testing.T) {
	for name, c := range map[string]struct {
		url    func(*certs) string
		option func(*certs) otlploggrpc.Option
	}{
		"plain": {func(*certs) string { return "otlp+grpc://127.0.0.1:0" }, func(*certs) otlploggrpc.Option { return otlploggrpc.WithInsecure() }},
		"TLS": {func(c *certs) string { return "otlp+grpc://127.0.0.1:0?cert=" + c.cert + "&key=" + c.key }, func(c *certs) otlploggrpc.Option {
			return otlploggrpc.WithTLSCredentials(credentialsOf(c))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f, secrets := newFake(), newCerts(t)
			r := collect(t, Config{Taker: f, Token: tokens}, c.url(secrets))
			e := exporter(t, r.addr(0), c.option(secrets), otlploggrpc.WithHeaders(map[string]string{"authorization": "Bearer good", SourceKey: "shop"}), otlploggrpc.WithCompressor("gzip"))
			if err := emit(t, e, 1500); err != nil {
				t.Fatal(err)
			}
			got := f.wait(t, 1500)
			k := got[7]
			if k.data != "order 7 failed" || k.org != "acme" || k.source != "shop" || !k.time.Equal(time.Unix(1700000000, 7)) || k.fields["service.name"] != "checkout" || k.fields["host.name"] != "web-1" ||
				k.fields["log.level"] != "error" || k.fields["http.response.status_code"] != "500" || k.fields["otel.scope.name"] != "shop" || !strings.HasPrefix(k.fields[FieldSender], "127.0.0.1:") {
				t.Errorf("got %+v", k)
			}
			if s := r.Status()[0]; s.Taken != 1500 || s.State != Running {
				t.Errorf("status %+v", s)
			}
		})
	}
}

// TestOTLPIsSentAgain refuses for a while, as a full spool does: the exporter waits
// and nothing is lost.
func TestOTLPIsSentAgain(t *testing.T) {
	f := newFake()
	f.refuses(&fault.Error{Kind: fault.RateLimited, Msg: "full", RetryAfter: 50 * time.Millisecond})
	r := collect(t, Config{Taker: f}, "otlp+grpc://127.0.0.1:0?token=none&source=open")
	go func() {
		for f.tries() < 3 {
			time.Sleep(5 * time.Millisecond)
		}
		f.refuses(nil)
	}()
	e := exporter(t, r.addr(0), otlploggrpc.WithInsecure(), otlploggrpc.WithRetry(otlploggrpc.RetryConfig{Enabled: true, InitialInterval: 10 * time.Millisecond, MaxInterval: 100 * time.Millisecond, MaxElapsedTime: 10 * time.Second}))
	if err := emit(t, e, 10); err != nil {
		t.Fatal(err)
	}
	if got := f.wait(t, 10); got[0].org != "home" || got[0].source != "open" || f.tries() < 3 {
		t.Errorf("got %+v after %d tries", got[0], f.tries())
	}
}

func (f *fake) tries() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

func TestOTLPSaysWhatWasRejected(t *testing.T) {
	f := newFake()
	f.reject = "order 3 "
	r := collect(t, Config{Taker: f}, "otlp+grpc://127.0.0.1:0?token=none")
	err := emit(t, exporter(t, r.addr(0), otlploggrpc.WithInsecure()), 10)
	if len(f.all()) != 9 || err == nil || !strings.Contains(err.Error(), "1 not-json") {
		t.Errorf("%d came, error %v", len(f.all()), err)
	}
}

func TestOTLPTakesNoCanaries(t *testing.T) {
	f := newFake()
	r := collect(t, Config{Taker: f, Token: tokens}, "otlp+grpc://127.0.0.1:0")
	err := emit(t, exporter(t, r.addr(0), otlploggrpc.WithInsecure(), otlploggrpc.WithHeaders(map[string]string{"authorization": "Bearer good", SourceKey: "canary"})), 1)
	if len(f.all()) != 0 || err == nil || !strings.Contains(err.Error(), "canaries are not taken here") {
		t.Errorf("%d came, error %v", len(f.all()), err)
	}
}

func TestOTLPRefusesWhoHasNoToken(t *testing.T) {
	f := newFake()
	r := collect(t, Config{Taker: f, Token: tokens}, "otlp+grpc://127.0.0.1:0")
	for header, says := range map[string]string{"": "shows no token", "Basic x": "shows no token", "Bearer bad": "not known"} {
		e := exporter(t, r.addr(0), otlploggrpc.WithInsecure(), otlploggrpc.WithHeaders(map[string]string{"authorization": header}), otlploggrpc.WithRetry(otlploggrpc.RetryConfig{}))
		if err := emit(t, e, 1); err == nil || !strings.Contains(err.Error(), "Unauthenticated") || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v", header, err)
		}
	}
	if len(f.all()) != 0 {
		t.Errorf("got %v", f.data())
	}
}

// TestBrokenCalls calls by hand.
func TestBrokenCalls(t *testing.T) {
	f := newFake()
	r := collect(t, Config{Taker: f}, "otlp+grpc://127.0.0.1:0?token=none")
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	frame := func(packed byte, data string) string {
		return string(binary.BigEndian.AppendUint32([]byte{packed}, uint32(len(data)))) + data
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := io.CopyN(z, zeros{}, maxRequest+1); err != nil {
		t.Fatal(err)
	}
	z.Close()
	for name, c := range map[string]struct{ path, encoding, body, status string }{
		"metrics":          {"/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", "", frame(0, ""), "12"},
		"no message":       {exportLogs, "", "", "3"},
		"a cut message":    {exportLogs, "", frame(0, "hello")[:7], "3"},
		"no protobuf":      {exportLogs, "", frame(0, "hello"), "3"},
		"too long":         {exportLogs, "", "\x00\xff\xff\xff\xff", "8"},
		"another encoding": {exportLogs, "snappy", frame(1, "x"), "12"},
		"no gzip":          {exportLogs, "gzip", frame(1, "x"), "3"},
		"no zstd":          {exportLogs, "zstd", frame(1, "x"), "3"},
		"a bomb":           {exportLogs, "gzip", frame(1, bomb.String()), "8"},
		"nothing":          {exportLogs, "", frame(0, ""), "0"},
	} {
		req, err := http.NewRequest("POST", "http://"+r.addr(0)+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/grpc")
		req.Header.Set("Grpc-Encoding", c.encoding)
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if got := resp.Trailer.Get("Grpc-Status"); got != c.status || resp.StatusCode != 200 {
			t.Errorf("%s: status %q %d (%s), want %s", name, got, resp.StatusCode, resp.Trailer.Get("Grpc-Message"), c.status)
		}
	}
	if len(f.all()) != 0 {
		t.Errorf("got %v", f.data())
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

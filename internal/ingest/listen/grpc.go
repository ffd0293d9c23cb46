package listen

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/net/netutil"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/ingest/otlp"
)

// The protocol is gRPC over HTTP/2, of which one call of one message is needed:
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md. net/http
// speaks HTTP/2, in plain text too, so that no other server is.

const (
	exportLogs = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
	// maxRequest bounds a request, packed and unpacked.
	maxRequest = 16 << 20
	// atOnce is how many requests are read at once.
	atOnce = 16
	// SourceKey is the name of the metadata in which a sender names its source.
	SourceKey = "binnacle-source"
)

// Statuses of gRPC.
const (
	grpcInvalidArgument   = 3
	grpcNotFound          = 5
	grpcPermissionDenied  = 7
	grpcResourceExhausted = 8
	grpcUnimplemented     = 12
	grpcInternal          = 13
	grpcUnavailable       = 14
	grpcUnauthenticated   = 16
)

// rpc answers calls of OTLP over gRPC.
type rpc struct {
	*collector
	listener net.Listener
	tls      *tls.Config
	most     int
	open     bool // no token is asked for
	room     chan struct{}
	patience time.Duration // for all of a message
}

func openRPC(c *collector) (worker, error) {
	r := &rpc{collector: c, room: make(chan struct{}, atOnce), patience: midMessage}
	var err error
	if r.most, err = c.number("connections", usualConnections); err != nil {
		return nil, err
	}
	switch token := c.Params.Get("token"); token {
	case "", "needed":
	case "none":
		r.open = true
	default:
		return nil, c.wrong("token=%s is not known", token).WithHint("a token is needed unless it says token=none; senders show theirs in the metadata, as authorization: Bearer …")
	}
	if c.Params.Has("cert") || c.Params.Has("key") || c.Params.Has("ca") {
		if r.tls, err = c.secured(); err != nil {
			return nil, err
		}
		r.tls.NextProtos = []string{"h2"}
	}
	return r, r.listen()
}

func (r *rpc) listen() (err error) {
	if r.listener, err = net.Listen("tcp", r.Place); err != nil {
		r.listener = nil
		return r.busy(err)
	}
	r.runs(r.listener.Addr().String())
	return nil
}

func (r *rpc) close() {
	if r.listener != nil {
		r.listener.Close()
	}
}

func (r *rpc) run(ctx context.Context) error {
	if r.listener == nil {
		if err := r.listen(); err != nil {
			return err
		}
	}
	listener := netutil.LimitListener(r.listener, r.most)
	defer func() { r.listener = nil }()
	server := &http.Server{Handler: http.HandlerFunc(r.serve), TLSConfig: r.tls, Protocols: new(http.Protocols), ReadHeaderTimeout: handshake, IdleTimeout: time.Hour,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 64}, ConnState: r.counts, ErrorLog: quiet(r.collector)}
	ended := make(chan error, 1)
	go func() {
		if r.tls != nil {
			server.Protocols.SetHTTP2(true)
			ended <- server.ServeTLS(listener, "", "")
			return
		}
		server.Protocols.SetUnencryptedHTTP2(true)
		ended <- server.Serve(listener)
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTake)
		defer cancel()
		if server.Shutdown(last) != nil {
			server.Close()
		}
		return <-ended
	}
}

func (r *rpc) counts(_ net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		r.state.open(1)
	case http.StateClosed, http.StateHijacked:
		r.state.open(-1)
	}
}

// serve answers one call.
func (r *rpc) serve(w http.ResponseWriter, req *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/grpc")
	h.Set("Trailer", "Grpc-Status, Grpc-Message, Grpc-Status-Details-Bin")
	h.Set("Grpc-Accept-Encoding", "identity, gzip, zstd")
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(r.patience)); err != nil {
		r.broke(err)
	}
	receipt, err := r.export(req)
	if err != nil {
		w.WriteHeader(http.StatusOK)
		fail(h, err)
		return
	}
	answer := otlp.Answer(receipt, otlp.Protobuf)
	frame := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(answer)))
	if _, err := w.Write(append(frame, answer...)); err != nil {
		return
	}
	h.Set("Grpc-Status", "0")
}

// export takes the records of a call.
func (r *rpc) export(req *http.Request) (ingest.Receipt, error) {
	if req.Method != http.MethodPost || !strings.HasPrefix(req.Header.Get("Content-Type"), "application/grpc") || req.URL.Path != exportLogs {
		return ingest.Receipt{}, &unimplemented{req.URL.Path}
	}
	org, source, err := r.who(req)
	if err == nil && source == event.CanarySource { // nothing is told of them: a sender could hide in them
		err = fault.New(fault.Forbidden, "canaries are not taken here").WithHint("send them from the page of detections, or with: binnacle rules canary")
	}
	if err != nil {
		return ingest.Receipt{}, err
	}
	select {
	case r.room <- struct{}{}:
		defer func() { <-r.room }()
	case <-req.Context().Done():
		return ingest.Receipt{}, req.Context().Err()
	}
	data, err := unframe(req)
	if err != nil {
		return ingest.Receipt{}, r.refused(req, err)
	}
	records, err := otlp.Decode(data, otlp.Protobuf)
	if err != nil {
		return ingest.Receipt{}, r.refused(req, err)
	}
	if len(records) == 0 {
		return ingest.Receipt{}, nil
	}
	peer := sender(req)
	for i := range records {
		if peer.IsValid() {
			records[i].Fields = append(records[i].Fields, ingest.Field{Name: FieldSender, Value: peer.String()})
		}
	}
	receipt, err := r.cfg.Taker.Take(req.Context(), r.batch(org, source, records))
	if err != nil {
		if req.Context().Err() == nil {
			r.waiting(err)
		}
		return receipt, err
	}
	r.taken(receipt, r.cfg.Now())
	return receipt, nil
}

// refused counts a call that cannot be read.
func (r *rpc) refused(req *http.Request, err error) error {
	if req.Context().Err() == nil {
		r.broke(err)
	}
	return err
}

func sender(req *http.Request) netip.AddrPort {
	p, err := netip.ParseAddrPort(req.RemoteAddr)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// who says for whom a call sends: by its token, or by the URL of the collector when
// no token is asked for.
func (r *rpc) who(req *http.Request) (org, source string, err error) {
	source = req.Header.Get(SourceKey)
	if source == "" {
		source = r.Params.Get("source")
	}
	if r.open {
		return r.Org, cmp.Or(source, r.Source), nil
	}
	scheme, token, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || strings.TrimSpace(token) == "" {
		return "", "", fault.New(fault.Unauthenticated, "the call shows no token").WithHint("send the metadata authorization: Bearer bnc_…")
	}
	if r.cfg.Token == nil {
		return "", "", fault.New(fault.Unauthenticated, "tokens are not taken here")
	}
	org, source, err = r.cfg.Token(req.Context(), strings.TrimSpace(token), source)
	return org, cmp.Or(source, r.Source), err
}

// unframe reads the message of a call: a byte that says whether it is packed, its
// length, itself.
func unframe(req *http.Request) ([]byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(req.Body, head[:]); err != nil {
		return nil, fault.New(fault.Invalid, "the call has no message: %v", err)
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size > maxRequest {
		return nil, tooLarge()
	}
	data, err := io.ReadAll(io.LimitReader(req.Body, int64(size)))
	if err == nil && len(data) < int(size) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "the message ends early: %v", err)
	}
	if head[0] == 0 {
		return data, nil
	}
	return unpack(req.Header.Get("Grpc-Encoding"), data)
}

func tooLarge() error {
	return fault.New(fault.TooLarge, "a request may have %d MiB", maxRequest>>20).WithHint("let the exporter send smaller batches")
}

// unpack reads a packed message.
func unpack(encoding string, data []byte) ([]byte, error) {
	var in io.Reader
	switch encoding {
	case "gzip":
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, fault.New(fault.Invalid, "the message is not packed with gzip: %v", err)
		}
		in = z
	case "zstd":
		z, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxRequest))
		if err != nil {
			return nil, fault.New(fault.Invalid, "the message is not packed with zstd: %v", err)
		}
		defer z.Close()
		in = z
	default:
		return nil, &unimplemented{"the encoding " + encoding}
	}
	out, err := io.ReadAll(io.LimitReader(in, maxRequest+1))
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), len(out) > maxRequest:
		return nil, tooLarge()
	case err != nil:
		return nil, fault.New(fault.Invalid, "the message cannot be unpacked: %v", err)
	}
	return out, nil
}

// unimplemented is a call of something that is not here.
type unimplemented struct{ what string }

func (u *unimplemented) Error() string {
	return "only logs of OpenTelemetry are taken here, not " + strconv.Quote(u.what)
}

// fail sets the status of a call that failed. One that may be sent again is
// UNAVAILABLE, with how long to wait, as OTLP has it.
func fail(h http.Header, err error) {
	code, message := grpcInternal, "something failed inside"
	var f *fault.Error
	var u *unimplemented
	switch {
	case errors.As(err, &u):
		code, message = grpcUnimplemented, u.Error()
	case errors.As(err, &f):
		message = said(&fault.Error{Msg: f.Msg, Hint: f.Hint, Problems: f.Problems})
		switch f.Kind {
		case fault.Invalid:
			code = grpcInvalidArgument
		case fault.TooLarge:
			code = grpcResourceExhausted
		case fault.Unauthenticated:
			code = grpcUnauthenticated
		case fault.Forbidden:
			code = grpcPermissionDenied
		case fault.NotFound:
			code = grpcNotFound
		case fault.RateLimited, fault.Unavailable:
			code = grpcUnavailable
			h.Set("Grpc-Status-Details-Bin", retryInfo(message, f.RetryAfter))
		default:
			code = grpcUnavailable
		}
	case !errors.Is(err, context.Canceled):
		code = grpcUnavailable // nothing was taken
	}
	h.Set("Grpc-Status", strconv.Itoa(code))
	h.Set("Grpc-Message", strings.ReplaceAll(url.QueryEscape(message), "+", "%20"))
}

// retryInfo is a google.rpc.Status with a google.rpc.RetryInfo.
func retryInfo(message string, after time.Duration) string {
	after = max(after, firstWait)
	field := func(b []byte, n protowire.Number, inner []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), inner)
	}
	number := func(b []byte, n protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
	}
	delay := number(number(nil, 1, uint64(after/time.Second)), 2, uint64(after%time.Second))
	info := field(field(nil, 1, []byte("type.googleapis.com/google.rpc.RetryInfo")), 2, field(nil, 1, delay))
	status := field(field(number(nil, 1, grpcUnavailable), 2, []byte(message)), 3, info)
	return base64.RawStdEncoding.EncodeToString(status)
}

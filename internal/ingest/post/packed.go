package post

import (
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// unpacked returns the body of a request as it was before it was packed.
func unpacked(r *http.Request) (io.ReadCloser, error) {
	switch how := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); how {
	case "", "identity":
		return r.Body, nil
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, unreadable(err)
		}
		return z, nil
	case "deflate":
		z, err := zlib.NewReader(r.Body)
		if err != nil {
			return nil, unreadable(err)
		}
		return z, nil
	case "zstd":
		z, err := zstd.NewReader(r.Body, zstd.WithDecoderMaxMemory(64<<20), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, unreadable(err)
		}
		return z.IOReadCloser(), nil
	default:
		return nil, fault.New(fault.Invalid, "The body is packed as %q, which is not known here.", how).Coded("ingest.packed").WithHint("send it plain, or with Content-Encoding: gzip or zstd")
	}
}

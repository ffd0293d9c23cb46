package blob

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// bucket keeps content in S3-compatible storage.
type bucket struct {
	client *minio.Client
	name   string
	prefix string // "" or ending in /
	host   string
}

// newS3 reads s3://bucket/prefix?endpoint=https://s3.example.com&region=eu-west-1.
// Without an endpoint it is Amazon's. The keys come from AWS_ACCESS_KEY_ID and
// AWS_SECRET_ACCESS_KEY, from ~/.aws/credentials, or from the machine's role;
// never from the address, which logs and process lists show.
func newS3(u *url.URL) (*bucket, error) {
	bad := func(why string) error {
		return fault.New(fault.Invalid, "the place for attachments %s cannot be used: %s", u.Redacted(), why).Coded("attachments-s3").
			WithHint("write it as s3://bucket/prefix?endpoint=https://s3.example.com&region=eu-west-1, and give the keys as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	if u.User != nil {
		return nil, bad("it holds a key")
	}
	q := u.Query()
	for name := range q {
		if name != "endpoint" && name != "region" {
			return nil, bad(fmt.Sprintf("%q means nothing; there is endpoint and region", name))
		}
	}
	if err := s3utils.CheckValidBucketName(u.Host); err != nil {
		return nil, bad(err.Error())
	}
	b := &bucket{name: u.Host, prefix: strings.Trim(u.Path, "/"), host: "s3.amazonaws.com"}
	if b.prefix != "" {
		b.prefix += "/"
	}
	secure := true
	if e := q.Get("endpoint"); e != "" {
		at, err := url.Parse(e)
		if err != nil || at.Host == "" || at.Scheme != "https" && at.Scheme != "http" || strings.Trim(at.Path, "/") != "" {
			return nil, bad("the endpoint is not an address of a server")
		}
		b.host, secure = at.Host, at.Scheme == "https"
	}
	var err error
	b.client, err = minio.New(b.host, &minio.Options{Secure: secure, Region: q.Get("region"), Creds: credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{Client: &http.Client{Timeout: 5 * time.Second}}})})
	if err != nil {
		return nil, bad(err.Error())
	}
	return b, nil
}

func (b *bucket) String() string { return "s3://" + b.name + "/" + b.prefix + " at " + b.host }

// Stage makes a file in the system's folder for temporary files.
func (b *bucket) Stage() (*os.File, error) { return os.CreateTemp("", "binnacle-attachment-*") }

func (b *bucket) Keep(ctx context.Context, staged *os.File, name string, size int64) error {
	if _, err := staged.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := b.client.PutObject(ctx, b.name, b.prefix+name, staged, size, minio.PutObjectOptions{ContentType: "application/octet-stream", DisableMultipart: true})
	return b.explain(name, err)
}

// Open asks for the object at once, so that one that is missing is found here
// and not while it is read.
func (b *bucket) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	object, err := b.client.GetObject(ctx, b.name, b.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, b.explain(name, err)
	}
	if _, err := object.Stat(); err != nil {
		object.Close()
		return nil, b.explain(name, err)
	}
	return object, nil
}

func (b *bucket) Has(ctx context.Context, name string) (bool, error) {
	_, err := b.client.StatObject(ctx, b.name, b.prefix+name, minio.StatObjectOptions{})
	err = b.explain(name, err)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}

func (b *bucket) Remove(ctx context.Context, name string) error {
	err := b.explain(name, b.client.RemoveObject(ctx, b.name, b.prefix+name, minio.RemoveObjectOptions{}))
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// explain turns what the storage says into a fault.
func (b *bucket) explain(name string, err error) error {
	if err == nil {
		return nil
	}
	switch said := minio.ToErrorResponse(err); said.Code {
	case minio.NoSuchKey, "NotFound":
		return missing(name)
	case minio.NoSuchBucket:
		return &fault.Error{Kind: fault.Unavailable, Msg: "the storage of attachments has no bucket " + b.name, Code: "attachments-bucket", Args: []any{b.name}, Hint: "make the bucket, or correct --attachments", Err: err}
	case minio.AccessDenied, "InvalidAccessKeyId", "SignatureDoesNotMatch":
		return &fault.Error{Kind: fault.Unavailable, Msg: "the storage of attachments does not let us in", Code: "attachments-denied", Hint: "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may do with the bucket", Err: err}
	}
	return &fault.Error{Kind: fault.Unavailable, Msg: "the storage of attachments does not answer", Code: "attachments-silent", Err: err}
}

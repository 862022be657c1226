// Package bucket reads and writes objects of an S3-like store.
//
//	c, err := bucket.New(bucket.Config{Endpoint: "https://s3.eu-central-1.amazonaws.com", AccessKey: id, SecretKey: secret})
//	r, size, err := c.Read(ctx, "footage", "dock-3/0917.mp4")
//
// It connects to the endpoint that the operator names and nowhere else: what an
// event says is a bucket and a key, never a host.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"videoqa/internal/fault"
)

// Config says where the store is, and as whom. Endpoint is needed; without keys
// requests are not signed.
type Config struct {
	Endpoint             string // https://host or http://host, with a port or without
	Region               string // "": us-east-1
	AccessKey, SecretKey string
}

// A Client may be used by many goroutines.
type Client struct{ client *minio.Client }

// New returns a client, or [fault.BadRequest] for an endpoint that is none.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.Endpoint)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" {
		return nil, fmt.Errorf("bucket: the endpoint is not https://host: %w", fault.BadRequest)
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1" // asking the server for it would be one request more
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, ""), Secure: u.Scheme == "https", Region: cfg.Region, BucketLookup: minio.BucketLookupAuto,
		Transport: &http.Transport{Proxy: nil, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 30 * time.Second, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute},
	})
	if err != nil {
		return nil, fmt.Errorf("bucket: %w: %w", err, fault.BadRequest)
	}
	return &Client{client}, nil
}

// CheckName returns [fault.BadRequest] for a name that no bucket can have. Who takes
// names from settings checks them at start, not at the first upload.
func CheckName(bucket string) error {
	if err := s3utils.CheckValidBucketName(bucket); err != nil {
		return fmt.Errorf("bucket: %.80q: %w: %w", bucket, err, fault.BadRequest)
	}
	return nil
}

// Read opens an object and tells its size; the caller closes it. [fault.NotFound]:
// there is none. [fault.RefusedURI]: we may not read it. Else
// [fault.UnreachableURI].
func (c *Client) Read(ctx context.Context, bucket, key string) (io.ReadCloser, int64, error) {
	object, err := c.client.GetObject(ctx, bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, 0, failed("read", err)
	}
	info, err := object.Stat()
	if err != nil {
		object.Close()
		return nil, 0, failed("read", err)
	}
	return object, info.Size, nil
}

// Write stores size bytes of r.
func (c *Client) Write(ctx context.Context, bucket, key string, r io.Reader, size int64) error {
	if _, err := c.client.PutObject(ctx, bucket, key, r, size, minio.PutObjectOptions{ContentType: "application/octet-stream"}); err != nil {
		return failed("write", err)
	}
	return nil
}

// Remove removes an object; one that is not there is no error.
func (c *Client) Remove(ctx context.Context, bucket, key string) error {
	if err := c.client.RemoveObject(ctx, bucket, key, minio.RemoveObjectOptions{}); err != nil {
		return failed("remove", err)
	}
	return nil
}

// An Object is what a listing says of one.
type Object struct {
	Key     string
	Size    int64
	Written time.Time
}

// Each shows do every object whose key begins with prefix.
func (c *Client) Each(ctx context.Context, bucket, prefix string, do func(Object) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for o := range c.client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			return failed("list", o.Err)
		}
		if err := do(Object{o.Key, o.Size, o.LastModified}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// failed says what kind of failure it was, without the names that it holds.
func failed(what string, err error) error {
	r := minio.ToErrorResponse(err)
	switch r.StatusCode {
	case http.StatusNotFound:
		return fmt.Errorf("bucket: %s: the store has no such object: %w", what, fault.NotFound)
	case http.StatusForbidden, http.StatusUnauthorized:
		return fmt.Errorf("bucket: %s: the store says %s: %w", what, r.Code, fault.RefusedURI)
	}
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err // it holds the endpoint and the key
	}
	return fmt.Errorf("bucket: %s: %w: %w", what, err, fault.UnreachableURI)
}

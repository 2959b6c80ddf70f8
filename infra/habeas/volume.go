package main

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// A large volume is prepared before it can be fetched.
const (
	preparing   = 30 * time.Minute // as long as the server keeps at it
	longestWait = time.Minute      // between two questions
)

// volume fetches one volume through a single-use link. While the server prepares it (202), the same call is sent again.
func (c *client) volume(ctx context.Context, link *url.URL, session string, n int) (io.ReadCloser, error) {
	for end := time.Now().Add(preparing); ; {
		res, err := c.send(ctx, http.MethodPost, link, session, map[string]int{"volume": n})
		if err != nil || res.StatusCode != http.StatusAccepted {
			if err != nil {
				return nil, err
			}
			return res.Body, nil
		}
		_ = res.Body.Close() // it says what the status says
		seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
		wait := time.Duration(seconds) * time.Second
		if err != nil || wait < time.Second || wait > longestWait || time.Now().Add(wait).After(end) {
			return nil, fault.New(fault.Unavailable, "the server has not got the volume ready")
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, fault.Wrap(fault.Unavailable, ctx.Err(), "waiting for the volume")
		}
	}
}

// Package httpapitest sends requests to a handler in tests. It knows no other package.
package httpapitest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
)

// Request returns the request of a line such as "POST /order/create", with a bearer token and a JSON body. Either may be
// empty.
func Request(line, token, body string) *http.Request {
	method, target, _ := strings.Cut(line, " ")
	r := httptest.NewRequestWithContext(context.Background(), method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

// Serve returns the response of handler to r.
func Serve(handler http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// Call returns the response of handler to the request that Request returns.
func Call(handler http.Handler, line, token, body string) *httptest.ResponseRecorder {
	return Serve(handler, Request(line, token, body))
}

// Send returns the response of handler to a request without a body that has header fields, each a name and a value.
func Send(handler http.Handler, line string, header ...string) *httptest.ResponseRecorder {
	r := Request(line, "", "")
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return Serve(handler, r)
}

// Package httpapitest sends requests to a handler in tests. It knows no other package.
package httpapitest

import (
	"net/http"
	"net/http/httptest"
	"strings"
)

// Request returns a request made from a line such as "POST /order/create". A token becomes the bearer token, and
// a body is sent as JSON; either may be empty.
func Request(line, token, body string) *http.Request {
	method, target, _ := strings.Cut(line, " ")
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

// Serve returns what handler answers to r.
func Serve(handler http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// Call serves the request that Request makes.
func Call(handler http.Handler, line, token, body string) *httptest.ResponseRecorder {
	return Serve(handler, Request(line, token, body))
}

package httpapi

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// Answered describes a request and its response for metrics. No text comes from the client, so the number of label
// values is bounded.
type Answered struct {
	Method string        // "other" for a method that HTTP does not define
	Route  string        // the pattern, like /order/query/:orderid, or "unmatched"
	Status int           // of HTTP
	Code   int           // of the envelope: 0 for success, 1 for a business failure, else the status
	Limit  string        // name of the exceeded limit, "" for none
	Took   time.Duration // until the response was written
}

func (x *exchange) answered(c *gin.Context, took time.Duration) Answered {
	route := c.FullPath()
	if route == "" {
		route = "unmatched"
	}
	return Answered{
		Method: methodOf(c.Request), Route: route, Status: c.Writer.Status(), Code: x.code, Limit: x.limit, Took: took,
	}
}

func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return r.Method
	}
	return "other"
}

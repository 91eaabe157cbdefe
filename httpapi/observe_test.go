package httpapi_test

import (
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
)

func TestEachRequestIsObservedWithABoundedSetOfLabels(t *testing.T) {
	var seen []httpapi.Answered
	engine := newEngine(t, httpapi.Config{
		Limit:   httpapi.Limit{Count: 1, Per: time.Hour, Burst: 6},
		Observe: func(a httpapi.Answered) { seen = append(seen, a) },
	})
	engine.GET("/things/:id", httpapi.Handle(func(c *gin.Context) error {
		time.Sleep(2 * time.Millisecond)
		return httpapi.OK(c, httpapi.Text{ZH: "好", EN: "good"}, httpapi.Empty{})
	}))
	engine.GET("/business", httpapi.Handle(func(*gin.Context) error {
		return httpapi.NewBusinessError(httpapi.Text{ZH: "没有", EN: "none"})
	}))
	engine.GET("/panic", httpapi.Handle(func(*gin.Context) error { panic("bug") }))
	engine.GET("/busy", httpapi.Handle(func(*gin.Context) error {
		return &httpapi.Error{Status: 429, Code: 429, Limit: "failures"}
	}))
	for _, test := range []struct {
		method, path string
		want         httpapi.Answered
	}{
		{"GET", "/things/1", httpapi.Answered{Method: "GET", Route: "/things/:id", Status: 200}},
		{"GET", "/business", httpapi.Answered{Method: "GET", Route: "/business", Status: 200, Code: 1}},
		{"GET", "/nothing/1", httpapi.Answered{Method: "GET", Route: "unmatched", Status: 404, Code: 404}},
		{"BREW", "/things/1", httpapi.Answered{Method: "other", Route: "unmatched", Status: 405, Code: 405}},
		{"GET", "/panic", httpapi.Answered{Method: "GET", Route: "/panic", Status: 500, Code: 500}},
		{"GET", "/busy", httpapi.Answered{Method: "GET", Route: "/busy", Status: 429, Code: 429, Limit: "failures"}},
		{"GET", "/things/1", httpapi.Answered{Method: "GET", Route: "/things/:id", Status: 429, Code: 429, Limit: "requests"}},
		{"GET", "/healthz", httpapi.Answered{Method: "GET", Route: "/healthz", Status: 200}},
	} {
		seen = nil
		httpapitest.Call(engine, test.method+" "+test.path, "", "")
		require.Len(t, seen, 1)
		if test.path == "/things/1" && test.want.Status == 200 {
			require.Greater(t, seen[0].Took, 2*time.Millisecond)
		}
		seen[0].Took = 0
		require.Equal(t, test.want, seen[0])
	}
}

package httpapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
)

func TestLanguage(t *testing.T) {
	engine := newEngine(t, httpapi.Config{})
	for accept, want := range map[string]string{
		"": "zh", "zh-CN,zh;q=0.9,en;q=0.8": "zh", "zh-TW": "zh", "en": "en", "en-GB,en;q=0.9": "en",
		"fr, en;q=0.5": "en", "fr": "zh", "*": "zh", "en;q=0.1, zh;q=0.9": "zh", ";;;": "zh",
		strings.Repeat("x,", 5000): "zh",
	} {
		r := httpapitest.Request("GET /nothing", "", "")
		r.Header.Set("Accept-Language", accept)
		got := serve(t, engine, r)
		require.Equal(t, want, got.Header().Get("Content-Language"), accept)
		require.Equal(t, map[string]string{"zh": "接口不存在", "en": "no such route"}[want], got.Msg)
		require.Equal(t, 404, got.Code)
	}
}

func TestLanguageOnSeveralLines(t *testing.T) {
	engine := newEngine(t, httpapi.Config{})
	for _, lines := range [][]string{{"fr", "en"}, {"", "en"}, {"zh;q=0.1", "en"}} {
		r := httpapitest.Request("GET /nothing", "", "")
		r.Header["Accept-Language"] = lines
		require.Equal(t, "no such route", serve(t, engine, r).Msg, "%q", lines)
	}
}

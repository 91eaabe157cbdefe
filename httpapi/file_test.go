package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
)

// pages is an engine with a file that compresses well and one that does not, and their folder, whose name is their version.
func pages(t *testing.T) (handler *gin.Engine, version string) {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write([]byte(strings.Repeat("packed ", 100)))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	handler = newEngine(t, httpapi.Config{})
	return handler, mounted(handler, map[string]*httpapi.File{
		"long.css":  httpapi.NewFile("text/css; charset=utf-8", []byte(strings.Repeat("a{} ", 100))),
		"short.png": httpapi.NewFile("image/png", []byte("png")),
		"packed.js": httpapi.NewGzippedFile("text/javascript; charset=utf-8", packed.Bytes()),
	})
}

// mounted mounts a page and returns the folder of its files.
func mounted(handler *gin.Engine, files map[string]*httpapi.File) (folder string) {
	httpapi.MountPage(handler, "page", []byte("page/{{version}}"), files)
	return httpapitest.Send(handler, "GET /page").Body.String()
}

func getFile(handler *gin.Engine, line string, header ...string) *httptest.ResponseRecorder {
	return httpapitest.Send(handler, line, append(header, "X-Request-ID", "same")...)
}

func TestAFileIsCompressedForThoseWhoAcceptGzip(t *testing.T) {
	t.Parallel()
	handler, version := pages(t)
	for accepted, want := range map[string]string{
		"gzip": "gzip", "GZip": "gzip", "x-gzip": "gzip", "br, gzip;q=0.5": "gzip", "deflate,gzip ; q=0.001": "gzip",
		"*": "gzip", "br;q=1, *;q=0.1": "gzip", "identity;q=0, *": "gzip",
		"": "", "br": "", "gzip;q=0": "", "gzip; Q=0.000": "", "*;q=0": "", "gzip;q=0, *": "", "*, gzip;q=0": "", "gzipped": "", "identity": "",
	} {
		for _, name := range []string{"long.css", "packed.js"} {
			w := getFile(handler, "GET /"+version+"/"+name, "Accept-Encoding", accepted)
			require.Equal(t, want, w.Header().Get("Content-Encoding"), accepted)
			require.Equal(t, []string{"Accept-Encoding"}, w.Header().Values("Vary"))
		}
		w := getFile(handler, "GET /"+version+"/short.png", "Accept-Encoding", accepted)
		require.Equal(t, "png", w.Body.String(), "it would only grow")
		require.Empty(t, w.Header().Values("Vary"))
	}
	w := getFile(handler, "GET /"+version+"/long.css", "Accept-Encoding", "br", "Accept-Encoding", "gzip")
	require.Equal(t, "gzip", w.Header().Get("Content-Encoding"), "a list may be in several lines")
}

func TestAFileThatTheClientHasIsNotSentAgain(t *testing.T) {
	t.Parallel()
	handler, version := pages(t)
	path := "/" + version + "/long.css"
	plain := getFile(handler, "GET "+path)
	packed := getFile(handler, "GET "+path, "Accept-Encoding", "gzip")
	plainTag, packedTag := plain.Header().Get("ETag"), packed.Header().Get("ETag")
	require.Regexp(t, `^"[0-9a-f]{16}"$`, plainTag)
	require.Regexp(t, `^"[0-9a-f]{16}-gzip"$`, packedTag)
	for _, test := range []struct {
		name, tags, accepted string
		status               int
	}{
		{"its tag", plainTag, "", 304},
		{"its tag, called weak by a proxy", "W/" + plainTag, "", 304},
		{"a list with its tag", `"a", W/"b" ,` + plainTag, "", 304},
		{"anything", "*", "", 304},
		{"the tag of the compressed file", packedTag, "gzip", 304},
		{"the tag of the other coding", plainTag, "gzip", 200},
		{"another tag", `"a"`, "", 200},
		{"its tag without quotes", strings.Trim(plainTag, `"`), "", 200},
		{"nothing", "", "", 200},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			w := getFile(handler, method+" "+path, "If-None-Match", test.tags, "Accept-Encoding", test.accepted)
			require.Equal(t, test.status, w.Code, test.name)
			require.NotEmpty(t, w.Header().Get("ETag"))
			require.Equal(t, "Accept-Encoding", w.Header().Get("Vary"))
			require.Equal(t, "public, max-age=31536000, immutable", w.Header().Get("Cache-Control"))
			if test.status == 304 || method == "HEAD" {
				require.Empty(t, w.Body.Bytes(), test.name)
			}
		}
	}
	head := getFile(handler, "HEAD "+path, "Accept-Encoding", "gzip")
	require.Equal(t, packed.Header(), head.Header())
}

func TestAFileUnderTheAddressOfAnotherBuildIsNotKept(t *testing.T) {
	t.Parallel()
	handler, version := pages(t)
	other := getFile(handler, "GET /page/other/long.css")
	require.Equal(t, 200, other.Code)
	require.Equal(t, "no-cache", other.Header().Get("Cache-Control"))
	require.Equal(t, getFile(handler, "GET /"+version+"/long.css").Body, other.Body)
	require.Equal(t, 404, getFile(handler, "GET /"+version+"/other.css").Code)

	changed := mounted(newEngine(t, httpapi.Config{}), map[string]*httpapi.File{"long.css": httpapi.NewFile("text/css", []byte("b{}"))})
	require.NotEqual(t, version, changed)
}

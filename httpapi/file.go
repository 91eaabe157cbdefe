package httpapi

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
)

// Values of Cache-Control for File.Serve.
const (
	cacheRevalidate = "no-cache" // keep it, but ask each time whether it is still the same
	cacheForever    = "public, max-age=31536000, immutable"
)

// File is a static file, compressed once, when a client first asks for it. Its entity tags (RFC 9110, section 8.8.3) follow from its content, so that
// all replicas of one build agree on them.
type File struct {
	contentType string
	policy      string // Content-Security-Policy, "" for none
	hash        string
	identity    func() []byte
	gzipped     func() []byte // nil if compression does not make it smaller
}

// NewFile returns a file with the given Content-Type.
func NewFile(contentType string, content []byte) *File {
	return &File{
		contentType: contentType, hash: hashOf(content), identity: func() []byte { return content },
		gzipped: sync.OnceValue(func() []byte { return compress(content) }),
	}
}

// compress returns content in gzip, or nil if that is not smaller.
func compress(content []byte) []byte {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(content) // a buffer takes everything
	_ = w.Close()
	if packed.Len() >= len(content) {
		return nil
	}
	return packed.Bytes()
}

// NewGzippedFile returns a file from its content in gzip, which makes a large one cost nothing at the start. It is
// unpacked once a client asks for it without compression. The content must be valid: it comes from the program.
func NewGzippedFile(contentType string, gzipped []byte) *File {
	packed := func() []byte { return gzipped }
	return &File{contentType: contentType, hash: hashOf(gzipped), gzipped: packed, identity: sync.OnceValue(func() []byte {
		r, err := gzip.NewReader(bytes.NewReader(gzipped))
		if err != nil {
			panic(fmt.Errorf("embedded file: %w", err))
		}
		content, err := io.ReadAll(r)
		if err != nil {
			panic(fmt.Errorf("embedded file: %w", err))
		}
		return content
	})}
}

func hashOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}

// Serve answers with the file, or with 304 if the client has it. Browsers keep it, but ask each time whether it has
// changed. A request for a range gets the whole file.
func (f *File) Serve(c *gin.Context) { f.serve(c, cacheRevalidate) }

func (f *File) serve(c *gin.Context, cacheControl string) {
	header, request := c.Writer.Header(), c.Request
	header.Set("Cache-Control", cacheControl)
	if f.policy != "" {
		header.Set("Content-Security-Policy", f.policy)
	}
	// Each coding is a representation of its own, with a strong tag of its own (RFC 9110, section 8.8.3.3).
	tag, coded, gzipped := `"`+f.hash+`"`, false, f.gzipped()
	if gzipped != nil {
		header.Add("Vary", "Accept-Encoding")
		if coded = acceptsGzip(request.Header.Values("Accept-Encoding")); coded {
			tag = `"` + f.hash + `-gzip"`
		}
	}
	header.Set("ETag", tag)
	if hasTag(request.Header.Values("If-None-Match"), tag) {
		c.Status(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return
	}
	var content []byte
	if coded {
		header.Set("Content-Encoding", "gzip")
		content = gzipped
	} else {
		content = f.identity()
	}
	header.Set("Content-Type", f.contentType)
	header.Set("Content-Length", strconv.Itoa(len(content)))
	c.Status(http.StatusOK)
	c.Writer.WriteHeaderNow()
	if request.Method != http.MethodHead {
		_, _ = c.Writer.Write(content) // if the client has gone, nobody needs to know
	}
}

// assets are the files that a page loads. Their address has a version that changes with any of them, so that
// browsers keep them for good.
type assets struct {
	version string
	files   map[string]*File // by name
}

// newAssets returns the files of a page by their names.
func newAssets(files map[string]*File) *assets {
	var all strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		all.WriteString(name + " " + files[name].hash + "\n")
	}
	return &assets{version: hashOf([]byte(all.String())), files: files}
}

// serve answers with the file that the parameters :version and :file of the route name, or returns ErrNotFound.
// Another version is one of another build, beside or before this one: it gets this build's file, without leave to
// keep it under that address.
func (a *assets) serve(c *gin.Context) error {
	file := a.files[c.Param("file")]
	switch {
	case file == nil:
		return ErrNotFound
	case c.Param("version") == a.version:
		file.serve(c, cacheForever)
	default:
		file.serve(c, cacheRevalidate)
	}
	return nil
}

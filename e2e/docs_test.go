//go:build unix

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// browser opens a tab of headless Chromium with a profile of its own and Chinese as its language.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	need(t, "chromium", err)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1200, 1400),
		chromedp.NoSandbox, chromedp.DisableGPU, // tests may run as root in a container
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("accept-lang", "zh-CN"),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
	)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	return ctx
}

// visit records the requests of a tab and its complaints: exceptions, failed requests, violations of the
// Content-Security-Policy.
type visit struct {
	mu         sync.Mutex
	requests   []string
	complaints []string
}

func watch(ctx context.Context, t *testing.T) *visit {
	t.Helper()
	v := &visit{}
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		v.mu.Lock()
		defer v.mu.Unlock()
		switch event := event.(type) {
		case *network.EventRequestWillBeSent:
			v.requests = append(v.requests, event.Request.URL)
		case *log.EventEntryAdded:
			v.complaints = append(v.complaints, event.Entry.Text)
		case *runtime.EventExceptionThrown:
			v.complaints = append(v.complaints, event.ExceptionDetails.Text)
		}
	}))
	return v
}

// requireAtHome checks that the tab requested nothing from other hosts than base and complained of nothing.
func (v *visit) requireAtHome(t *testing.T, base string) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	require.Empty(t, v.complaints)
	require.Greater(t, len(v.requests), 8)
	for _, url := range v.requests {
		require.True(t, strings.HasPrefix(url, base+"/") || strings.HasPrefix(url, "data:image/"), "the page requested %s", url)
	}
}

// screenshot saves a picture of the tab in docs/screenshots if UPDATE_SCREENSHOTS=1.
func screenshot(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	if os.Getenv("UPDATE_SCREENSHOTS") != "1" {
		return
	}
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	require.NoError(t, err)
	require.Less(t, len(picture), 300<<10)
	require.NoError(t, os.WriteFile(filepath.Join("..", "docs", "screenshots", name), picture, 0o644))
}

// tryOut opens an operation, sends its example and returns the response as the page shows it.
func tryOut(ctx context.Context, t *testing.T, operation string) (shown string) {
	t.Helper()
	block := "#operations-" + operation
	require.NoError(t, chromedp.Do(ctx,
		chromedp.Click(chromedp.CSS(block+" .opblock-summary-control")),
		chromedp.Click(chromedp.CSS(block+" .try-out__btn")),
		chromedp.Click(chromedp.CSS(block+" .execute")),
		chromedp.WaitVisible(chromedp.CSS(block+" .live-responses-table .response-col_status")),
	), operation)
	shown, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS(block+" .live-responses-table .response")))
	require.NoError(t, err, operation)
	return shown
}

var shownToken = regexp.MustCompile(`"token":\s*"([^"]+)"`)

func TestDocsWorkInABrowserAndLoadNothingFromOtherHosts(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	base := start(t, t.TempDir()).url(t)
	seen := watch(ctx, t)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(base+"/"), chromedp.WaitVisible(chromedp.CSS("#operations-user-register"))))
	location, err := chromedp.Run(ctx, chromedp.Location())
	require.NoError(t, err)
	require.Equal(t, base+"/docs", location)
	screenshot(ctx, t, "docs.png")

	require.Contains(t, tryOut(ctx, t, "user-register"), "注册成功")
	token := shownToken.FindStringSubmatch(tryOut(ctx, t, "user-login"))
	require.NotNil(t, token)
	require.NoError(t, chromedp.Do(ctx,
		chromedp.Click(chromedp.CSS(".auth-wrapper .authorize")),
		chromedp.SendKeys(chromedp.CSS(".modal-ux input"), token[1]),
		chromedp.Click(chromedp.CSS(".modal-ux .authorize")),
		chromedp.Click(chromedp.CSS(".modal-ux .btn-done")),
	))
	require.Contains(t, tryOut(ctx, t, "order-createOrder"), "创建成功")
	query := tryOut(ctx, t, "order-queryOrder")
	require.Contains(t, query, "查询成功")
	require.Contains(t, query, "product1")
	require.NoError(t, chromedp.Do(ctx, chromedp.ScrollIntoView(chromedp.CSS("#operations-order-queryOrder .live-responses-table .response"))))
	screenshot(ctx, t, "try-it-out.png")

	kept, err := chromedp.Run(ctx, chromedp.Evaluate[int]("localStorage.length + sessionStorage.length + document.cookie.length"))
	require.NoError(t, err)
	require.Zero(t, kept, "the page stores something")
	seen.requireAtHome(t, base)
}

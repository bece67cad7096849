package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
)

// ask is a simple client of the Go service: `ask MODEL PROMPT` prints the answer. Its environment
// has the base URL and the key; ASK_SESSION and ASK_PARENT are the ids of the session and its
// parent session.
func ask(args []string) int {
	if len(args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: ask MODEL PROMPT")
		return 2
	}
	body := fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":%q}]}`, args[0], args[1])
	req, err := http.NewRequest(http.MethodPost, os.Getenv("OPENCODE_BASE_URL")+"/chat/completions", strings.NewReader(body))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	req.Header.Set("Authorization", "Bearer "+os.Getenv("OPENCODE_API_KEY"))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Opencode-Session", "ses_ask")
	for header, name := range map[string]string{"X-Opencode-Session": "ASK_SESSION", "X-Parent-Session-Id": "ASK_PARENT"} {
		if id := os.Getenv(name); id != "" {
			req.Header.Set(header, id)
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		fmt.Fprintf(os.Stderr, "ask: %s, retry-after %q: %s\n", resp.Status, resp.Header.Get("Retry-After"), text)
		return 1
	}
	if m := regexp.MustCompile(`"content":"([^"]*)"`).FindSubmatch(text); m != nil {
		text = m[1]
	}
	fmt.Printf("%s\n", text)
	return 0
}

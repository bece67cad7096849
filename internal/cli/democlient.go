package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"ocgo-key/internal/hint"
	"ocgo-key/internal/version"
)

// demoClientCmd is the demo's own client: one question over the wire format of most models, streamed.
type demoClientCmd struct{}

func (*demoClientCmd) Run(a *app) error {
	base, token := a.getenv("OPENCODE_BASE_URL"), a.getenv("OPENCODE_API_KEY")
	if base == "" || token == "" {
		return hint.On(errors.New("this client is the demo's own"), "use `ocgo-key demo`")
	}
	question := fmt.Sprintf(`{"model":%q,"stream":true,"tools":[{"type":"function","function":{"name":"none"}}],"messages":[{"role":"user","content":%q}]}`, demoModel, demoPrompt)
	req, err := http.NewRequest(http.MethodPost, base+"/chat/completions", strings.NewReader(question))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("User-Agent", version.UserAgent())
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Opencode-Session", "ses_demo")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the gateway answered %s", resp.Status)
	}
	var answer strings.Builder // shown in one piece, so that the demo's own lines do not come in between
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		var chunk struct {
			Choices []struct {
				Delta struct{ Content string }
			}
		}
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok || json.Unmarshal([]byte(data), &chunk) != nil {
			continue
		}
		for _, c := range chunk.Choices {
			answer.WriteString(c.Delta.Content)
		}
	}
	return errors.Join(lines.Err(), a.Print("%s\n", answer.String()))
}

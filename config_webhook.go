package main

import (
	"strings"

	"userorder/settings"
	"userorder/webhook"
)

// Webhooks says where the events of orders are sent, and what signs them. Without endpoints it is off.
type Webhooks struct {
	Endpoints []webhook.Endpoint
	Secrets   []webhook.Secret // that of WEBHOOK_SECRET first
}

// readWebhooks reads the settings of webhooks. URLs require a secret, and the previous secret requires the present one.
func readWebhooks(s *settings.Reader) (w Webhooks) {
	urls := s.Secret("WEBHOOK_URLS", "URLs that get the events of orders, like https://shop.example/hook",
		settings.Fallback{}, showWebhooks)
	secret := s.Secret("WEBHOOK_SECRET", "signs webhooks; userorder webhook-secret makes one", settings.Fallback{}, showWebhookSecret)
	previous := s.Secret("WEBHOOK_SECRET_PREVIOUS", "signs them besides, until all receivers know the new one",
		settings.Fallback{}, showWebhookSecret)
	var err error
	w.Endpoints, err = webhook.ParseURLs(urls)
	wanted := err != nil || len(w.Endpoints) > 0 // Secret has recorded the error
	for _, text := range []string{secret, previous} {
		if parsed, err := webhook.ParseSecret(text); err == nil {
			w.Secrets = append(w.Secrets, parsed)
		}
	}
	switch {
	case secret != "":
	case previous != "":
		s.Fault("WEBHOOK_SECRET", "must be set with WEBHOOK_SECRET_PREVIOUS: userorder webhook-secret makes one")
	case wanted:
		s.Fault("WEBHOOK_SECRET", "must be set with WEBHOOK_URLS: userorder webhook-secret makes one")
	}
	return w
}

// showWebhooks returns URLs without what may be secret in them.
func showWebhooks(text string) (shown string, err error) {
	endpoints, err := webhook.ParseURLs(text)
	all := make([]string, len(endpoints))
	for i, endpoint := range endpoints {
		all[i] = endpoint.String()
	}
	return strings.Join(all, ","), err
}

// showWebhookSecret checks a secret and masks it.
func showWebhookSecret(text string) (shown string, err error) {
	_, err = webhook.ParseSecret(text)
	return settings.Masked, err
}

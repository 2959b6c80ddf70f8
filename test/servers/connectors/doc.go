// Package connectors holds connectors to their suite, and to their special promises, on real servers.
package connectors

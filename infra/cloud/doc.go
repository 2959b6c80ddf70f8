// Package cloud opens an installation on AWS: settings from the environment of a function, clients of the services, and the
// drivers of every port. The shell of the Lambdas and the command use it; what a binary does not ask for is not linked into it.
package cloud

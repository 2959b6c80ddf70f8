// Package fides holds Habeas to the data maps that ship with Fides: every one of them is read, and walked and erased on a
// database made from it, or refused for a reason that is named here. The maps come from the package ethyca-fides in the
// version of requirements.txt; nothing of it is kept in this repository.
package fides

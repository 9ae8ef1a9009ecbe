//! What an ordinary user does instead of being root: work in a user namespace.
//!
//! Both functions must run before the process has a second thread, which the kernel demands. Root passes through untouched.

use super::args::RuntimeChoice;
use super::failure::Failure;
use crate::base::LabName;
use crate::runtime::namespaces::rootless;

/// Becomes able to make labs.
pub fn to_make_labs(choice: RuntimeChoice) -> Result<(), Failure> {
    if choice == RuntimeChoice::Namespaces && rootless::is_needed() {
        rootless::enter_user_namespace()?;
    }
    Ok(())
}

/// Becomes able to run commands in a lab's nodes.
pub fn to_enter(choice: RuntimeChoice, lab: &LabName) -> Result<(), Failure> {
    if choice == RuntimeChoice::Namespaces && rootless::is_needed() {
        rootless::join_user_namespace(lab)?;
    }
    Ok(())
}

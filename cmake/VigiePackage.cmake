# The Debian package: cmake --preset release && cmake --build build/release --target package
include(GNUInstallDirs)
install(TARGETS vigie RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES packaging/vigie.service DESTINATION lib/systemd/system)
install(FILES README.md CHANGELOG.md docs/errors.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/manual docs/runbooks docs/formats DESTINATION ${CMAKE_INSTALL_DOCDIR})

# What the program itself prints: its manual page, the completions of shells, the example of a configuration.
function(install_printed file folder)
  list(JOIN ARGN " " command)
  set(printed ${PROJECT_BINARY_DIR}/printed/${file})
  install(CODE "
    file(MAKE_DIRECTORY \"${PROJECT_BINARY_DIR}/printed\")
    execute_process(COMMAND \"$<TARGET_FILE:vigie>\" ${command} OUTPUT_FILE \"${printed}\" COMMAND_ERROR_IS_FATAL ANY)
    file(INSTALL DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${folder}\" TYPE FILE FILES \"${printed}\")")
endfunction()
install_printed(vigie.1.gz share/man/man1 manual COMMAND gzip -9n)
install_printed(vigie share/bash-completion/completions completion bash)
install_printed(_vigie share/zsh/vendor-completions completion zsh)
install_printed(vigie.fish share/fish/vendor_completions.d completion fish)
install_printed(vigie.yaml share/doc/vigie/examples check-config --example)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_NAME vigie)
set(CPACK_PACKAGE_CONTACT "Vigie maintainers <vigie@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "PostgreSQL backups that can be trusted")
set(CPACK_PACKAGE_DESCRIPTION "Takes scheduled dumps, seals and verifies them, keeps them by rules that
never touch the last good ones, and keeps evidence of all of it. One daemon
with a command line and HTTP.")
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, tzdata, zstd")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "postgresql-client, age, ca-certificates")  # the last of a bucket's server
set(CPACK_DEBIAN_PACKAGE_SUGGESTS postgresql)  # a drill makes a server of its own
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/packaging/debian/postinst
                                       ${PROJECT_SOURCE_DIR}/packaging/debian/prerm
                                       ${PROJECT_SOURCE_DIR}/packaging/debian/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)

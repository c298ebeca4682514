CREATE TABLE `auth_group` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(150) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `name` (`name`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE `core_user` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `is_superuser` tinyint(1) NOT NULL,
  `username` varchar(254) NOT NULL,
  `first_name` varchar(150) NOT NULL,
  `last_name` varchar(150) NOT NULL,
  `email` varchar(254) NOT NULL,
  `is_staff` tinyint(1) NOT NULL,
  `is_active` tinyint(1) NOT NULL,
  `date_joined` datetime(6) NOT NULL,
  `is_local` tinyint(1) NOT NULL,
  `password` varchar(256) NOT NULL,
  `last_login` datetime(6) DEFAULT NULL,
  `master_user` tinyint(1) NOT NULL,
  `language` varchar(10) NOT NULL,
  `phone_number` varchar(128) DEFAULT NULL,
  `secondary_email` varchar(254) DEFAULT NULL,
  `_parameters` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL CHECK (json_valid(`_parameters`)),
  `totp_enabled` tinyint(1) NOT NULL,
  `webauthn_enabled` tinyint(1) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `username` (`username`),
  KEY `core_user_email_92a71487` (`email`),
  KEY `core_user_is_active_dc1408da` (`is_active`),
  KEY `core_user_is_local_e2864715` (`is_local`),
  KEY `core_user_is_staff_c2ad76aa` (`is_staff`),
  KEY `core_user_email_c0c03f_idx` (`email`,`is_active`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE `core_user_groups` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `user_id` int(11) NOT NULL,
  `group_id` int(11) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `core_user_groups_user_id_group_id_c82fcad1_uniq` (`user_id`,`group_id`),
  KEY `core_user_groups_group_id_fe8c697f_fk_auth_group_id` (`group_id`),
  CONSTRAINT `core_user_groups_group_id_fe8c697f_fk_auth_group_id` FOREIGN KEY (`group_id`) REFERENCES `auth_group` (`id`),
  CONSTRAINT `core_user_groups_user_id_70b4d9b8_fk_core_user_id` FOREIGN KEY (`user_id`) REFERENCES `core_user` (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE `core_objectaccess` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `object_id` int(10) unsigned NOT NULL CHECK (`object_id` >= 0),
  `is_owner` tinyint(1) NOT NULL,
  `content_type_id` int(11) NOT NULL,
  `user_id` int(11) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `core_objectaccess_user_id_content_type_id__765857cb_uniq` (`user_id`,`content_type_id`,`object_id`),
  KEY `core_objectaccess_content_type_id_0c2c42d5_fk_django_co` (`content_type_id`),
  CONSTRAINT `core_objectaccess_content_type_id_0c2c42d5_fk_django_co` FOREIGN KEY (`content_type_id`) REFERENCES `django_content_type` (`id`),
  CONSTRAINT `core_objectaccess_user_id_91b2733d_fk_core_user_id` FOREIGN KEY (`user_id`) REFERENCES `core_user` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE `django_content_type` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `app_label` varchar(100) NOT NULL,
  `model` varchar(100) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `django_content_type_app_label_model_76bd3d3b_uniq` (`app_label`,`model`)
) ENGINE=InnoDB AUTO_INCREMENT=24 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE `admin_domain` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(253) NOT NULL,
  `default_mailbox_quota` int(10) unsigned NOT NULL,
  `enabled` tinyint(1) NOT NULL,
  `type` varchar(20) NOT NULL,
  `creation` datetime(6) NOT NULL,
  `last_modification` datetime(6) NOT NULL,
  `enable_dns_checks` tinyint(1) NOT NULL,
  `quota` int(10) unsigned NOT NULL CHECK (`quota` >= 0),
  `transport_id` int(11) DEFAULT NULL,
  `dkim_key_length` int(10) unsigned DEFAULT NULL CHECK (`dkim_key_length` >= 0),
  `dkim_key_selector` varchar(30) NOT NULL,
  `dkim_private_key_path` varchar(254) NOT NULL,
  `dkim_public_key` longtext NOT NULL,
  `enable_dkim` tinyint(1) NOT NULL,
  `message_limit` int(10) unsigned DEFAULT NULL CHECK (`message_limit` >= 0),
  `last_dns_check_execution` datetime(6) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `name` (`name`),
  UNIQUE KEY `transport_id` (`transport_id`),
  CONSTRAINT `admin_domain_transport_id_7e20103c_fk_transport_transport_id` FOREIGN KEY (`transport_id`) REFERENCES `transport_transport` (`id`),
  CONSTRAINT `admin_domain_default_mailbox_quota_06dd964e_check` CHECK (`default_mailbox_quota` >= 0)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE `admin_mailbox` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `address` varchar(252) NOT NULL,
  `quota` int(10) unsigned NOT NULL CHECK (`quota` >= 0),
  `use_domain_quota` tinyint(1) NOT NULL,
  `domain_id` int(11) NOT NULL,
  `user_id` int(11) NOT NULL,
  `creation` datetime(6) NOT NULL,
  `last_modification` datetime(6) NOT NULL,
  `message_limit` int(10) unsigned DEFAULT NULL CHECK (`message_limit` >= 0),
  `is_send_only` tinyint(1) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `user_id` (`user_id`),
  KEY `admin_mailbox_domain_id_401a6f1e_fk_admin_domain_id` (`domain_id`),
  CONSTRAINT `admin_mailbox_domain_id_401a6f1e_fk_admin_domain_id` FOREIGN KEY (`domain_id`) REFERENCES `admin_domain` (`id`),
  CONSTRAINT `admin_mailbox_user_id_c063b06b_fk_core_user_id` FOREIGN KEY (`user_id`) REFERENCES `core_user` (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE `admin_quota` (
  `username` varchar(254) NOT NULL,
  `bytes` bigint(20) NOT NULL,
  `messages` int(11) NOT NULL,
  PRIMARY KEY (`username`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE `admin_alias` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `address` varchar(254) NOT NULL,
  `enabled` tinyint(1) NOT NULL,
  `internal` tinyint(1) NOT NULL,
  `domain_id` int(11) DEFAULT NULL,
  `description` longtext NOT NULL,
  `expire_at` datetime(6) DEFAULT NULL,
  `creation` datetime(6) NOT NULL,
  `last_modification` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `admin_alias_address_internal_701cee88_uniq` (`address`,`internal`),
  KEY `admin_alias_domain_id_cf87ebf8_fk_admin_domain_id` (`domain_id`),
  CONSTRAINT `admin_alias_domain_id_cf87ebf8_fk_admin_domain_id` FOREIGN KEY (`domain_id`) REFERENCES `admin_domain` (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE `modoboa_admin_aliasrecipient` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `address` varchar(254) NOT NULL,
  `alias_id` int(11) NOT NULL,
  `r_alias_id` int(11) DEFAULT NULL,
  `r_mailbox_id` int(11) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `modoboa_admin_aliasrecipient_alias_id_r_mailbox_id_c005be7e_uniq` (`alias_id`,`r_mailbox_id`),
  UNIQUE KEY `modoboa_admin_aliasrecipient_alias_id_r_alias_id_64af29a9_uniq` (`alias_id`,`r_alias_id`),
  KEY `modoboa_admin_aliasr_r_mailbox_id_c5674874_fk_admin_mai` (`r_mailbox_id`),
  KEY `modoboa_admin_aliasr_r_alias_id_14a95128_fk_admin_ali` (`r_alias_id`),
  CONSTRAINT `modoboa_admin_aliasr_r_alias_id_14a95128_fk_admin_ali` FOREIGN KEY (`r_alias_id`) REFERENCES `admin_alias` (`id`),
  CONSTRAINT `modoboa_admin_aliasr_r_mailbox_id_c5674874_fk_admin_mai` FOREIGN KEY (`r_mailbox_id`) REFERENCES `admin_mailbox` (`id`),
  CONSTRAINT `modoboa_admin_aliasrecipient_alias_id_528b77e9_fk_admin_alias_id` FOREIGN KEY (`alias_id`) REFERENCES `admin_alias` (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE `transport_transport` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `pattern` varchar(253) NOT NULL,
  `service` varchar(30) NOT NULL,
  `next_hop` varchar(100) NOT NULL,
  `_settings` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL CHECK (json_valid(`_settings`)),
  PRIMARY KEY (`id`),
  UNIQUE KEY `pattern` (`pattern`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
